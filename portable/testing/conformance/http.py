"""HTTP: the face of its whole suite. Each concern has a file of its own, http_*.py; `HttpConformance` has them all."""

from .http_answers import HttpAnswerConformance
from .http_bodies import HttpBodyConformance
from .http_forms import HttpFormConformance
from .http_limits import HttpLimitConformance
from .http_middleware import HttpCrossOriginConformance, HttpMiddlewareConformance
from .http_mounts import HttpMountConformance
from .http_parameters import HttpParameterConformance
from .http_problems import HttpProblemConformance
from .http_routing import HttpRoutingConformance
from .http_static import HttpStaticConformance


class HttpConformance(
    HttpRoutingConformance,
    HttpParameterConformance,
    HttpBodyConformance,
    HttpFormConformance,
    HttpAnswerConformance,
    HttpProblemConformance,
    HttpMiddlewareConformance,
    HttpCrossOriginConformance,
    HttpStaticConformance,
    HttpMountConformance,
    HttpLimitConformance,
):
    """Everything that HTTP promises."""

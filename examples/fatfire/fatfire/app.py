"""fatfire: what a household is worth, in any currency, and how far that is from never having to work.

Three services, each deployed and permitted apart: exchange <- core <- integration.
"""

from portable import App

from .services import core, exchange, integration

app = App("fatfire")
app.include(exchange.service, prefix="/api/exchange")
app.include(core.service, prefix="/api")
app.include(integration.service, prefix="/api")
app.static("/", "static")

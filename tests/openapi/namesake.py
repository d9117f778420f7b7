"""Another class of a name that the awkward app has already."""

from pydantic import BaseModel


class Problem(BaseModel):
    number: int

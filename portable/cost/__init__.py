"""What observed traffic would cost in a month at the providers' list prices: an estimate, with its arithmetic.

Pure but for reading.py, which takes the traffic out of the records of `portable dev`.
"""

from .estimate import MONTH_HOURS, Estimate, Line, estimate
from .invocations import cost_of, per_million
from .prices import Price, price, prices_as_of
from .traffic import CallTraffic, HandlerTraffic, Traffic, TrafficCount

__all__ = [
    "MONTH_HOURS",
    "CallTraffic",
    "Estimate",
    "HandlerTraffic",
    "Line",
    "Price",
    "Traffic",
    "TrafficCount",
    "cost_of",
    "estimate",
    "per_million",
    "price",
    "prices_as_of",
]

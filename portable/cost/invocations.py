"""What one invocation is billed for: how its seconds are rounded, and how much memory and vCPU it has meanwhile."""

import math
from functools import cache
from typing import NamedTuple

from .prices import price

MILLION = 1_000_000


class Rounding(NamedTuple):
    """Seconds are billed in steps of `step`, and `least` of them at least."""

    step: float
    least: float

    def of(self, seconds: float) -> float:
        """What is billed of one invocation that took so long."""
        # What is a multiple of the step but for its last bit is no step more.
        return max(self.least, math.ceil(round(seconds / self.step, 6)) * self.step)


ROUNDINGS = {
    "aws": Rounding(0.001, 0.001),
    "gcp": Rounding(0.1, 0.1),
    "azure": Rounding(0.1, 1.0),
}
"""AWS Lambda, Cloud Run (request-based), Azure Functions on Flex Consumption (an execution is 1 s at least)."""

AZURE_SIZES = (512, 2048, 4096)
"""MB of an instance of Flex Consumption, which is billed whole while it runs."""

GCP_VCPUS = ((128, 0.083), (256, 0.167), (512, 0.333), (1024, 0.583), (2048, 1.0), (8192, 2.0), (16384, 4.0))
"""The vCPU that a Cloud Run function of up to so many MiB gets unless told otherwise."""
MOST_VCPU = 8.0


def gcp_vcpu(memory: int) -> float:
    return next((vcpu for most, vcpu in GCP_VCPUS if memory <= most), MOST_VCPU)


def billed_memory(provider: str, memory: int) -> int:
    """In MB."""
    if provider != "azure":
        return memory
    return next((size for size in AZURE_SIZES if memory <= size), AZURE_SIZES[-1])


@cache
def second_price(provider: str, memory: int) -> float:
    """Of one second of a function with so much memory, in USD. Raises LookupError for a provider without prices."""
    gigabytes = billed_memory(provider, memory) / 1024
    if provider == "aws":
        return gigabytes * known(provider, "functions", "compute_arm")
    if provider == "gcp":
        vcpu = gcp_vcpu(memory) * known(provider, "functions", "compute_vcpu")
        return vcpu + gigabytes * known(provider, "functions", "compute_memory")
    return gigabytes * known(provider, "functions", "compute")


@cache
def known(provider: str, capability: str, name: str) -> float:
    found = price(provider, capability, name)
    if found is None:
        raise LookupError(f"there is no price of {capability} {name} for {provider}")
    return found.value / found.per


def cost_of(provider: str, seconds: float, memory: int, *, is_http: bool) -> float:
    """One invocation's own price in USD, without free tiers: its request, its time, and the gateway's request.

    What it calls is not in it. Raises LookupError for a provider without prices.
    """
    gateway = known(provider, "http", "http_api_requests" if provider == "aws" else "direct") if is_http else 0.0
    billed = ROUNDINGS[provider].of(seconds) if provider in ROUNDINGS else seconds
    return known(provider, "functions", "requests") + billed * second_price(provider, memory) + gateway


def per_million(provider: str, seconds: float, memory: int, *, is_http: bool) -> float:
    """`cost_of` a million of them."""
    return round(cost_of(provider, seconds, memory, is_http=is_http) * MILLION, 4)

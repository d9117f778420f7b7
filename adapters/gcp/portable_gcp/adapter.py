"""The Google Cloud Adapter object: what the command line and tests ask of it. All is imported when first used."""

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from portable.adapter import Deployer, Package, PackageOptions, Running, Support, Values
    from portable.app import App
    from portable.capabilities import Profile
    from portable.deploy.diagnostics import Diagnostic
    from portable.telemetry import Recorder


class GcpAdapter:
    """Implements portable.adapter.Adapter, Packager, Deploys and Supports."""

    name = "gcp"
    lacks: frozenset[str] = frozenset()

    def running(
        self, app: "App", *, profile: "Profile | None" = None, recorder: "Recorder | None" = None
    ) -> "AbstractContextManager[Running]":
        """Runs `app` in this process against a test stack of Google Cloud, which PORTABLE_GCP_CONTROL names.

        Raises ConfigurationError where there is none.
        """
        from .running import running

        return running(app, profile=profile, recorder=recorder)

    def support(self) -> "Mapping[str, Support]":
        """What is native here and what is emulated, for the portability matrix."""
        from .support import SUPPORT

        return SUPPORT

    def findings(self, manifest: dict[str, Any], stage: str) -> "Sequence[Diagnostic]":
        """What is wrong with the app in this stage that only its resources can show."""
        from .faults import faults

        return faults(manifest, stage)

    def prepare(self) -> None:
        """Imports what `findings` and `package` need."""
        from . import faults, packaging

        del faults, packaging

    def begin(self, options: "PackageOptions") -> "Callable[[dict[str, Any]], Package]":
        """Makes the zip of a stage; answers what makes the rest of the package."""
        from .packaging import begin

        return begin(options)

    def package(self, options: "PackageOptions") -> "Package":
        """Makes the package of a stage."""
        from .packaging import package

        return package(options)

    def deployer(self, app: str, stage: str) -> "Deployer":
        """One app in one stage, in the project and region that gcloud's own configuration names."""
        from .deployer import GcpDeployer
        from .translate import Stage, check_stage

        check_stage(Stage(stage))
        return GcpDeployer(app, stage)

    def values(self, app: str, stage: str) -> "Values":
        """Its params and secrets there."""
        from .stage_values import GcpValues
        from .translate import Stage, check_stage

        check_stage(Stage(stage))
        return GcpValues(app, stage)

    def deploy_policy(self) -> dict[str, Any]:
        """The rights of whoever deploys, as a role of IAM."""
        from .deploy_policy import policy

        return policy()

"""Random programs against a dict: what a table, a bucket or a queue answers is what a simple model answers.

Needs Hypothesis (`pip install hypothesis`), which is imported when these tests run and not before. It prints the
shortest program that it finds, and how to repeat it.
"""

from typing import TYPE_CHECKING, ClassVar

from .harness import Harness

if TYPE_CHECKING:
    from hypothesis.stateful import RuleBasedStateMachine


class ModelConformance:
    """A program of reads and writes of one client; a subclass for a slow provider may lower `programs`."""

    programs: ClassVar[int] = 20
    steps: ClassVar[int] = 30

    def test_a_table_answers_any_program_as_a_dict_does(self, harness: Harness) -> None:
        from .table_model import TableMachine

        self.check(TableMachine, harness)

    def test_a_bucket_answers_any_program_as_a_dict_does(self, harness: Harness) -> None:
        from .bucket_model import BucketMachine

        self.check(BucketMachine, harness)

    def test_a_queue_does_what_its_model_does(self, harness: Harness) -> None:
        from .task_model import TaskMachine

        self.check(TaskMachine, harness)

    def check(self, machine: "type[RuleBasedStateMachine]", harness: Harness) -> None:
        """Runs many programs; each has a machine, and so an app with empty data, of its own."""
        from hypothesis import HealthCheck, settings
        from hypothesis.stateful import run_state_machine_as_test

        run_state_machine_as_test(
            type(machine.__name__, (machine,), {"harness": harness}),
            settings=settings(
                max_examples=self.programs,
                stateful_step_count=self.steps,
                deadline=None,
                database=None,
                print_blob=True,
                suppress_health_check=(
                    HealthCheck.too_slow,
                    HealthCheck.data_too_large,
                    HealthCheck.filter_too_much,
                ),
            ),
        )

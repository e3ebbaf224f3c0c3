"""The X-ray room: today's exams and what the units report of them."""

from functools import cached_property
from typing import TYPE_CHECKING

from appliance.wiring.archive import ArchiveParts

if TYPE_CHECKING:
    from appliance.exams.clocks import Clocks
    from appliance.exams.commitment import Commitments
    from appliance.exams.completeness import Completion
    from appliance.exams.procedure_steps import ProcedureSteps
    from appliance.exams.views import Protocols
    from appliance.exams.worklist import Worklist


class ExamParts(ArchiveParts):
    """Worklist, procedure steps, commitments, completeness."""

    @cached_property
    def worklist(self) -> "Worklist":
        from appliance.exams.worklist import Worklist

        return Worklist(self.database)

    @cached_property
    def procedure_steps(self) -> "ProcedureSteps":
        from appliance.exams.procedure_steps import ProcedureSteps

        return ProcedureSteps(self.database)

    @cached_property
    def commitments(self) -> "Commitments":
        from appliance.exams.commitment import Commitments

        return Commitments(self.database, self.blobs)

    @cached_property
    def clocks(self) -> "Clocks":
        from appliance.exams.clocks import Clocks

        return Clocks(self.database)

    @cached_property
    def protocols(self) -> "Protocols":
        from appliance.exams.views import Protocols

        return Protocols(self.database)

    @cached_property
    def completion(self) -> "Completion":
        from appliance.exams.completeness import Completion

        return Completion(self.database, self.worklist, self.procedure_steps, self.protocols)

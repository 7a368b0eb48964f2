"""The suite every engine passes: Tidewire's own, and yours.

Subclass it in your tests and say how one of your engines is made:

    from tidewire.testing.engine_contract import EngineContract

    class TestMyEngine(EngineContract):
        def make_engine(self) -> Engine:
            return MyEngine(...)

An engine on a clock of your own also says ``now_s`` and ``pass_time``, and then no
test waits. Every promise of ``tidewire.engines.base.Engine`` is a test. Needs
pytest to run it, and starts one event loop for each test.
"""

from tidewire.testing.engine_contract.latest import LatestContract
from tidewire.testing.engine_contract.leasing import LeaseContract
from tidewire.testing.engine_contract.publishing import PublishingContract
from tidewire.testing.engine_contract.reading import ReadingContract
from tidewire.testing.engine_contract.signalling import SignalContract
from tidewire.testing.engine_contract.stand import CHANNEL, RecordingSink, Stand

__all__ = ["CHANNEL", "EngineContract", "RecordingSink", "Stand"]


class EngineContract(
    PublishingContract, ReadingContract, LatestContract, SignalContract, LeaseContract
):
    """All of the tests. A subclass says how an engine is made."""

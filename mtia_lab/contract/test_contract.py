"""The contract as tests: `pytest --pyargs mtia_lab.contract --device=cuda`.

All clauses that were selected are tried when the first of them runs, in processes of their own.
"""

import pytest

from ..errors import Advice
from .check import hold
from .clause import CLAUSES, KEPT, Clause
from .report import ContractReport


@pytest.fixture(scope="session")
def contract_report(request: pytest.FixtureRequest) -> ContractReport:
    """What came of the clauses that are selected."""
    option = request.config.getoption
    keys = [
        CLAUSES[item.callspec.indices["clause"]].key
        for item in request.session.items
        if isinstance(item, pytest.Function)
    ]
    try:
        return hold(option("device"), setup=option("setup"), keys=keys)
    except Advice as error:
        pytest.fail(str(error), pytrace=False)


@pytest.mark.parametrize("clause", CLAUSES, ids=lambda clause: clause.key)
def test_clause(clause: Clause, contract_report: ContractReport) -> None:
    outcome = contract_report[clause.key]
    if outcome.failed:
        pytest.fail(str(outcome), pytrace=False)
    if outcome.status != KEPT:
        pytest.skip(f"{outcome.verdict}: {outcome.seen}")

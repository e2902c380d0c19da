"""Budgets: what is reserved, settled, given back, and kept when nobody knows."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date
from decimal import Decimal

import pytest
from django.db import connections

from devops.ai_prices import price_of
from devops.ai_spending import BudgetSpent, dollars, release, reserve, settle, spent, usable_config
from devops.clients.anthropic.shapes import Usage
from devops.errors import Conflict
from devops.models import AiCall, AiConfig
from tests.factories.devops import AiConfigFactory

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def config() -> AiConfig:
    return AiConfigFactory.create(monthly_budget_usd=Decimal("1.00"), encrypted_api_key="x")


def held(config: AiConfig, micro_usd: int) -> AiCall:
    return reserve(config, purpose="test", model="claude-sonnet-5-5", micro_usd=micro_usd)


def test_what_is_reserved_cannot_be_reserved_again(config: AiConfig) -> None:
    held(config, 600_000)
    with pytest.raises(BudgetSpent) as caught:
        held(config, 400_001)
    assert "$0.6000 of it spent or reserved" in caught.value.detail
    held(config, 400_000)
    assert spent(config).left == 0


def test_a_settled_call_counts_with_what_it_cost_and_only_once(config: AiConfig) -> None:
    call = held(config, 900_000)
    settle(call, Usage(100, 50), 1_000)
    settle(call, Usage(100, 50), 1_000)
    config.refresh_from_db()
    assert (spent(config).settled, spent(config).open) == (1_000, 0)
    assert (config.total_requests, config.total_tokens) == (1, 150)
    assert config.average_tokens == 150.0


def test_a_refused_call_is_given_back_and_a_lost_one_is_not(config: AiConfig) -> None:
    release(held(config, 500_000))
    assert spent(config).left == 1_000_000
    held(config, 500_000)
    assert spent(config).open == 500_000


def test_another_month_begins_anew(config: AiConfig) -> None:
    held(config, 1_000_000)
    AiCall.objects.update(month=date(2020, 1, 1))
    held(config, 1_000_000)
    assert spent(config, date(2020, 1, 1)).open == 1_000_000


def test_prices_are_published_or_the_accounts_own_and_never_guessed() -> None:
    assert price_of("claude-sonnet-5-5", {}).micro_usd(Usage(1_000_000, 100_000)) == 3_000_000
    assert price_of("claude-haiku-4-5-20251001", {}).output == 5
    own = {"prices": {"mine": {"input": 1, "output": 2}}}
    assert price_of("mine", own).at_most(1_000, 1_000) == 3_250
    with pytest.raises(Conflict, match="not known"):
        price_of("claude-imaginary", {})


def test_the_default_is_used_where_none_is_named(config: AiConfig) -> None:
    account = config.account_id
    assert usable_config(account) == config
    other = AiConfigFactory.create(
        account_id=account, is_default=True, name="Other", encrypted_api_key="x"
    )
    assert usable_config(account) == other
    assert usable_config(account, config.name) == config
    with pytest.raises(Conflict, match="no AI provider called 'None'"):
        usable_config(account, "None")
    AiConfig.objects.filter(pk=other.pk).update(encrypted_api_key="")
    with pytest.raises(Conflict, match="no API key"):
        usable_config(account)
    AiConfig.objects.update(is_active=False)
    with pytest.raises(Conflict, match="no usable AI provider"):
        usable_config(account)


def test_amounts_in_words() -> None:
    assert [dollars(each) for each in (0, 1_500, 1_230_000)] == ["$0.00", "$0.0015", "$1.23"]


def test_many_at_once_cannot_overspend_together(config: AiConfig) -> None:
    def one(_number: int) -> bool:
        try:
            held(config, 100_000)
        except BudgetSpent:
            return False
        finally:
            connections.close_all()
        return True

    with ThreadPoolExecutor(8) as pool:
        granted = sum(pool.map(one, range(24)))
    assert granted == 10
    assert spent(config).left == 0

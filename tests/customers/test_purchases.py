"""Transactions: what files bring, and what they say of each customer."""

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from customers.columns import read_columns
from customers.models import Customer, Transaction
from customers.searching.finding import Wanted, find
from customers.starting import ImportedBefore
from tests.conftest import real_file
from tests.customers.given import counts, imported, why

pytestmark = pytest.mark.django_db(transaction=True)

HEAD = "customer id,order id,date,amount\n"


@pytest.fixture
def cdnow() -> Path:
    """Purchases of 23,570 customers who first bought at CDNOW in early 1997; no order ids."""
    return real_file("cdnow_master.csv")


def test_purchases_bring_customers_who_are_not_known_yet() -> None:
    imported("id,age\n1,30\n")
    one = imported(f"{HEAD}1,a,2024-01-01,10\n2,b,2024-01-02,20.5\n2,c,2024-02-02,-5\n", kind="transactions")
    assert counts(one) == (3, 0, 0, 0)
    assert set(Customer.objects.values_list("external_id", flat=True)) == {"1", "2"}


def test_of_many_customers_whom_purchases_bring_the_list_says_at_once_about_how_many_they_are() -> None:
    many = range(24_000)
    imported("customer id,date,amount\n" + "".join(f"{one},2024-01-01,10\n" for one in many), kind="transactions")
    count = find(Wanted(), counted=True).count
    assert count is not None
    assert count.number == pytest.approx(len(many), rel=0.05)


def test_an_order_comes_in_once_however_often_its_file_does() -> None:
    content = f"{HEAD}1,a,2024-01-01,10\n1,b,2024-01-02,20\n"
    imported(content, kind="transactions")
    assert counts(imported(content, kind="transactions")) == (0, 0, 2, 0)
    one = imported(f"{HEAD}1,a,2024-01-01,99\n1,c,2024-03-01,1\n", kind="transactions")
    assert (counts(one), why(one)) == ((1, 0, 0, 1), {2: {"order_differs"}})
    assert sorted(Transaction.objects.values_list("order_id", "amount")) == [("a", 10), ("b", 20), ("c", 1)]


def test_the_same_order_id_of_another_shop_is_another_order() -> None:
    content = f"{HEAD}1,a,2024-01-01,10\n"
    imported(content, kind="transactions", source="Paris")
    assert counts(imported(content, kind="transactions", source="Lyon")) == (1, 0, 0, 0)


def test_without_order_ids_the_same_file_is_refused_the_second_time() -> None:
    content = "customer id,date,amount\n1,2024-01-01,10\n1,2024-01-01,10\n"
    assert counts(imported(content, kind="transactions")) == (2, 0, 0, 0)
    with pytest.raises(ImportedBefore):
        imported(content, kind="transactions")
    assert Transaction.objects.count() == 2


def test_bad_rows_of_a_file_of_purchases_come_back_with_their_reasons() -> None:
    one = imported(f"{HEAD},a,2024-01-01,10\n1,b,2024-13-01,10\n1,c,2024-01-01,\n", kind="transactions")
    assert why(one) == {2: {"missing"}, 3: {"not_a_date"}, 4: {"missing"}}
    assert not Customer.objects.exists()


def test_figures_are_as_of_a_date_and_returns_count_for_money_alone() -> None:
    imported("id,age\n1,30\n2,40\n")
    imported(
        f"{HEAD}1,a,2024-01-01,10\n1,b,2024-01-11,30\n1,c,2024-01-21,-5\n1,d,2024-06-01,100\n", kind="transactions"
    )
    keys = ["recency", "frequency", "monetary", "average_order", "tenure", "purchase_interval"]
    first, second = read_columns(keys, as_of=date(2024, 1, 31)).values.tolist()
    assert first == [20, 2, 35, 20, 30, 10]
    assert second[1:3] == [0, 0]
    assert np.isnan([second[0], *second[3:]]).all()


def test_recency_frequency_and_monetary_of_the_cdnow_purchases_agree_with_pandas(cdnow: Path) -> None:
    one = imported(cdnow.read_bytes(), kind="transactions")
    rows = pd.read_csv(cdnow, dtype={"customer_id": str}, parse_dates=["date"])
    assert counts(one) == (69_659, 0, 0, 0)
    assert Customer.objects.count() == rows["customer_id"].nunique() == 23_570

    as_of = pd.Timestamp("1998-07-01")
    grouped = rows.groupby("customer_id")
    expected = pd.DataFrame(
        {
            "recency": (as_of - grouped["date"].max()).dt.days,
            "frequency": grouped.size(),
            "monetary": grouped["dollar_value"].sum(),
        }
    )
    columns = read_columns(["recency", "frequency", "monetary"], as_of=as_of.date())
    names = dict(Customer.objects.values_list("pk", "external_id"))
    seen = pd.DataFrame(columns.values, columns=list(columns.keys), index=[names[pk] for pk in columns.ids])
    seen = seen.loc[expected.index]
    assert (seen["recency"] == expected["recency"]).all()
    assert (seen["frequency"] == expected["frequency"]).all()
    np.testing.assert_allclose(seen["monetary"], expected["monetary"], rtol=1e-12)

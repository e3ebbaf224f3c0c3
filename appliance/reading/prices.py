"""What a report costs: the price list of each destination, and the clinic's statement of a month."""

import re
from dataclasses import dataclass

from appliance.archive.database import Database
from appliance.clock import stamp
from appliance.errors import BadInput
from appliance.reading.story import URGENCIES, Urgency


@dataclass(frozen=True)
class PriceList:
    """Prices of one destination in hundredths of the currency; a subscription pays the first reports of a month."""

    currency: str
    cents: dict[Urgency, int]
    monthly_cents: int
    included: int
    since: str = ""
    """The month (YYYY-MM) in which the subscription began."""


@dataclass(frozen=True)
class Price:
    """What one case costs, and on what grounds, in words for staff."""

    cents: int
    currency: str
    basis: str

    @property
    def text(self) -> str:
        """'EUR 45.00'."""
        return money(self.cents, self.currency)


@dataclass(frozen=True)
class StatementLine:
    """A released case of the month."""

    released_at: str
    destination: str
    patient_name: str | None
    patient_id: str | None
    urgency: str
    released_by: str
    state: str
    cents: int
    currency: str
    basis: str


def money(cents: int, currency: str) -> str:
    """'EUR 45.00'."""
    return f"{currency} {cents // 100}.{cents % 100:02d}"


class Prices:
    """Price lists, and what was spent."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, destination_id: int) -> PriceList | None:
        """The price list of a destination, None if the clinic entered none."""
        plan = next(
            self._database.read.query("SELECT * FROM price_plan WHERE destination_id = ?", [destination_id]), None
        )
        if plan is None:
            return None
        rows = self._database.read.query("SELECT * FROM price WHERE destination_id = ?", [destination_id])
        cents = {row["urgency"]: row["cents"] for row in rows}
        return PriceList(plan["currency"], cents, plan["monthly_cents"], plan["included"], plan["since"])

    def put(
        self,
        destination_id: int,
        currency: str,
        amounts: dict[str, str],
        *,
        monthly: str = "",
        included: str = "",
        since: str = "",
    ) -> None:
        """Enter a price list as typed; a subscription without a month begins now, or goes on. Raises BadInput."""
        currency = currency.strip().upper()
        if not re.fullmatch("[A-Z]{3}", currency):
            raise BadInput(field="Currency", reason="three letters, e.g. EUR or USD")
        if included.strip() and not re.fullmatch(r"\d{1,6}", included.strip()):
            raise BadInput(field="Included reports", reason="a whole number")
        cents = {urgency: _cents(urgency, amounts.get(urgency, "")) for urgency in URGENCIES}
        before = self.of(destination_id)
        began = before.since if before and before.monthly_cents else stamp()[:7]
        with self._database.write() as db:
            db.conn.execute(
                "INSERT INTO price_plan (destination_id, currency, monthly_cents, included, since)"
                " VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET currency = excluded.currency,"
                " monthly_cents = excluded.monthly_cents, included = excluded.included, since = excluded.since",
                [
                    *(destination_id, currency, _cents("Subscription", monthly), int(included.strip() or 0)),
                    valid_month(since.strip()) if since.strip() else began,
                ],
            )
            for urgency, amount in cents.items():
                db.conn.execute(
                    "INSERT INTO price (destination_id, urgency, cents) VALUES (?, ?, ?)"
                    " ON CONFLICT DO UPDATE SET cents = excluded.cents",
                    [destination_id, urgency, amount],
                )

    def quote(self, destination_id: int, urgency: Urgency, month: str) -> Price | None:
        """What a case released in `month` (YYYY-MM) costs; None without a price list."""
        plan = self.of(destination_id)
        if plan is None:
            return None
        used = self._used(destination_id, month)
        if used < plan.included:
            return Price(0, plan.currency, f"subscription, report {used + 1} of {plan.included} this month")
        return Price(plan.cents.get(urgency, 0), plan.currency, f"{urgency}, per report")

    def _used(self, destination_id: int, month: str) -> int:
        row = self._database.read.conn.execute(
            "SELECT count(*) FROM reading_case WHERE destination_id = ? AND state IN ('released', 'completed')"
            " AND substr(released_at, 1, 7) = ?",
            [destination_id, month],
        ).fetchone()
        return int(row[0])

    def statement(self, month: str) -> list[StatementLine]:
        """All cases released in a month (YYYY-MM), in order."""
        rows = self._database.read.query(
            """
            SELECT released_at, destination.name AS destination, patient_name, patient_id, urgency, released_by,
                   reading_case.state, coalesce(price_cents, 0) AS cents, coalesce(currency, '') AS currency,
                   coalesce(price_basis, 'no price list') AS basis
            FROM reading_case JOIN study ON study.id = reading_case.study_id
                 LEFT JOIN destination ON destination.id = reading_case.destination_id
            WHERE reading_case.state IN ('released', 'completed') AND substr(released_at, 1, 7) = ?
            ORDER BY released_at
            """,
            [month],
        )
        return [StatementLine(**{**row, "destination": row["destination"] or "in house"}) for row in rows]

    def totals(self, month: str) -> list[tuple[str, int, Price]]:
        """Destination, number of cases and sum of a month; the price's basis says what a subscription adds."""
        subscribed: dict[str, str] = {}
        sums: dict[tuple[str, str], list[int]] = {}
        for line in self.statement(month):
            sums.setdefault((line.destination, line.currency), []).append(line.cents)
        for row in self._database.read.query(
            "SELECT name, currency, monthly_cents FROM price_plan JOIN destination ON destination.id = destination_id"
            " WHERE monthly_cents > 0 AND since <= ? AND (removed_at IS NULL OR substr(removed_at, 1, 7) >= ?)",
            [month, month],
        ):
            sums.setdefault((row["name"], row["currency"]), []).append(row["monthly_cents"])
            subscribed[row["name"]] = f"with the subscription, {money(row['monthly_cents'], row['currency'])}"
        counts = {name: sum(1 for line in self.statement(month) if line.destination == name) for name, _ in sums}
        return [
            (name, counts[name], Price(sum(cents), currency, subscribed.get(name, "")))
            for (name, currency), cents in sums.items()
        ]


def valid_month(text: str) -> str:
    """A month like 2026-11; raises BadInput."""
    if not re.fullmatch(r"[0-9]{4}-(0[1-9]|1[0-2])", text):
        raise BadInput(field="Month", reason="like 2026-11")
    return text


def _cents(field: str, text: str) -> int:
    found = re.fullmatch(r"(\d{1,6})(?:[.,](\d{1,2}))?", text.strip() or "0")
    if found is None:
        raise BadInput(field=field, reason="an amount like 45 or 45.50")
    return int(found[1]) * 100 + int((found[2] or "0").ljust(2, "0"))

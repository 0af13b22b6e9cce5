"""Orders: looked for, imported, cancelled."""

from datetime import timedelta

from engate import Answered, AuthFailed, EngateError, Forbidden, NotSent, Rejected, Text, Unknown
from engate.model import Absent, Found, Imported, OrderPart, PartRef, Unsure
from engate_winthor import customers, translate_customers
from engate_winthor import translate_orders as translate
from engate_winthor.client import GROUPS, Client
from engate_winthor.order_fields import asked
from engate_winthor.rows import OrderRow, text
from engate_winthor.search import NO_REFERENCE, SEARCH_DAYS, OrderSearch

NO_REASON = "Cancelado na loja"


class Orders:
    def __init__(self, client: Client, search: OrderSearch) -> None:
        self._client, self._search = client, search
        self._contract, self._settings = client.contract, client.settings

    async def find_order(self, part: OrderPart) -> Found | Absent | Unsure:
        """Looks through every page of every configured branch and the part's own, back to the day the order was placed.

        Whatever fails is `Unsure`. A part without a reference is too: orders that were entered by hand carry none, so each of them would
        match.
        """
        if not part.reference:
            return Unsure("the order has no reference to be found by")
        age = self._client.clock.now() - part.order.placed_at
        # An order may have been created at any time since it was placed: after an outage of days, two days back would miss it.
        days = max(SEARCH_DAYS, age // timedelta(days=1) + SEARCH_DAYS)
        try:
            listed = await self._search.listed((*self._settings.branches, part.branch), days)
        except (AuthFailed, Forbidden):
            raise  # a person has to act, so it must not look like a passing failure
        except EngateError as error:
            return Unsure(error.text.en)
        matches = listed.orders.get(part.reference)
        if matches:
            # Of several the one that is not cancelled counts.
            best = min(matches, key=lambda row: translate.state(row.status) == "cancelled")
            return Found(text(best.number), translate.state(best.status))
        if listed.blind:
            return Unsure(NO_REFERENCE.en)
        return Absent() if listed.whole else Unsure("the list of orders changed while it was read")

    async def import_order(self, part: OrderPart) -> Imported:
        translate.complete(part)
        translate.money(part)  # what does not add up is said before a customer is created
        customer, notes = await customers.customer_of(self._client, part)
        body = translate.body(part, customer, [translate_customers.delivery_note(part.order), *notes], self._contract, self._settings)
        if self._settings.customer_policy == "default_customer" and self._contract.order_body.consumers:
            body[self._contract.order_body.consumers] = [translate_customers.consumer(part.order, self._contract.consumer_body)]
        try:
            answer = await self._client.send("POST", self._contract.create_order, body, safe=False)
        except Answered as error:
            raise translate.refusal(error, asked(part).seller) from None
        number = translate.number(answer.body, self._contract.order_number)
        if not number:
            raise Unknown(
                Text("O WinThor aceitou o pedido, mas não disse o número.", "WinThor took the order, but did not say its number."),
                Text("O engate procura o pedido antes de qualquer reenvio.", "engate looks for the order before it sends anything again."),
            )
        said = translate.number(answer.body, self._contract.order_status)
        return Imported(number, translate.state(said) if said else "in_erp")

    async def import_cancellation(self, part: PartRef, reason: str) -> None:
        names = self._contract.order_params
        params = {names.cancel_number: part.key, names.cancel_notify: "false", names.cancel_reason: reason.strip() or NO_REASON}
        try:
            await self._client.guarded.call("DELETE", self._contract.cancel_order, params=params, groups=GROUPS, media="")
        except Answered as error:
            state = await self._state_of(part)
            if state == "cancelled":
                return
            if state == "invoiced":
                raise Rejected(
                    Text(f"O pedido {part.key} já está faturado no WinThor.", f"Order {part.key} is invoiced in WinThor already."),
                    Text(
                        "Cancele a nota no WinThor dentro do prazo, ou faça a devolução; depois reenvie o cancelamento.",
                        "Cancel the note in WinThor in time, or make a return; then retry the cancellation.",
                    ),
                    code="erp.invoiced",
                ) from None
            if error.status == 404:
                raise Rejected(
                    Text(f"O WinThor não tem o pedido {part.key}.", f"WinThor has no order {part.key}."),
                    Text("Confira o número do pedido e a filial no WinThor.", "Check the order's number and branch in WinThor."),
                    code="erp.not_found",
                ) from None
            raise translate.refusal(error) from None

    async def _state_of(self, part: PartRef) -> str:
        """The order's state now; "" where it cannot be read (then the refusal itself is what counts)."""
        try:
            rows = await self.one(part.branch, part.key)
        except NotSent:
            return ""
        return translate.state(rows[0].status) if rows else ""

    async def one(self, branch: str, number: str) -> list[OrderRow]:
        """One order, asked for in its own branch: in any other it looks absent. Without a number there is no order."""
        if not number:
            return []
        names = self._contract.order_params
        params: dict[str, object] = {names.number: number, names.branch: branch, names.documents: "true"}
        found = await self._client.one(self._contract.one_order, self._client.rows.order, params)
        return [row for row in found if text(row.number) == number]

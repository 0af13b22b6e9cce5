"""The hooks: WinThor as engate's ERP."""

from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from datetime import timedelta
from hashlib import blake2b
from typing import Any, Generic, NamedTuple, Protocol, TypeVar
from urllib.parse import parse_qsl

import msgspec

from engate import Answered, AuthFailed, Context, EngateError, Erp, Forbidden, NotSent, Rejected, Text, Unknown, nfe
from engate.model import (
    Absent,
    Brand,
    Category,
    Check,
    Choice,
    ErpOrder,
    Found,
    Image,
    Imported,
    OrderPart,
    Page,
    PartRef,
    Price,
    Product,
    Query,
    Sku,
    StockLevel,
    Unsure,
    Warehouse,
)
from engate_winthor import buyers, customers, orders, translate
from engate_winthor.client import GROUPS, Client, watermark
from engate_winthor.endpoints import Paged
from engate_winthor.order_fields import asked
from engate_winthor.rows import BranchRow, OrderRow, PriceRow, SkuRow, StockRow, text
from engate_winthor.search import OrderSearch

T = TypeVar("T", bound="_Keyed")
R = TypeVar("R", bound=msgspec.Struct)
MANY = 50
"""From so many keys on, the whole list is fewer calls than one for each."""
SEARCH_DAYS = 2
NO_REASON = "Cancelado na loja"
NO_REFERENCE = Text(
    "A lista de pedidos do WinThor não mostra a referência da loja.",
    "WinThor's list of orders does not show the shop's reference.",
)


class _Keyed(Protocol):
    @property
    def key(self) -> str: ...


class Rows(NamedTuple, Generic[R]):
    """A list: how it is asked for, what its rows are, and what tells them apart."""

    call: Paged
    kind: type[R]
    key: Callable[[R], str]


class _Packaging(NamedTuple):
    """What one row of the packagings says. `image`: None where there are no images."""

    sku: Sku
    image: Image | None

    @property
    def key(self) -> str:
        return self.sku.key


class Winthor(Erp):
    """One WTA installation and the branches of it that sell in the shop."""

    scoped = {"list_stock": "branches"}
    together = {"list_skus": frozenset({"image"})}
    reserves_held = True  # blocked and pending orders are out of ESTOQUE_DISPONIVEL (QTRESERV, QTBLOQUEADA)

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.client = Client(context)
        self.settings = self.client.settings
        self.contract = self.client.contract
        self.branches = self.settings.branches
        self.main_branch = self.settings.price_branch or self.branches[0]
        self.settles_within = float(self.settings.settles_within)
        self.search = OrderSearch(self.client, _order_key)

    # ---- the connection itself ----

    async def test_connection(self) -> list[Check]:
        checks = [await self._health(name, path) for name, path in msgspec.structs.asdict(self.contract.health).items()]
        self.client.login.refused.forget()
        try:
            await self.client.login.login(self.client.open)
        except EngateError as error:
            return [*checks, Check("login", False, error.text, error.hint)]
        checks.append(Check("login", True, Text("Login aceito.", "Login accepted.")))
        try:
            known = {text(row.id): row for row in await self._branch_rows()}
        except EngateError as error:
            return [*checks, Check("branches", False, error.text, error.hint)]
        checks += [_branch_check(branch, known.get(branch)) for branch in self.branches]
        return [*checks, await self._orders_check()]

    async def _orders_check(self) -> Check:
        """Whether an order that was sent could be found again: without that, none may be sent."""
        try:
            listed = await self.search.listed(self.branches, SEARCH_DAYS)
        except EngateError as error:
            return Check("orders", False, error.text, error.hint)
        if listed.blind:
            return Check(
                "orders",
                False,
                NO_REFERENCE,
                Text(
                    "Sem ela nenhum pedido entra. Atualize o serviço na rotina 801 ou informe o campo em 'order.reference' dos ajustes do "
                    "contrato.",
                    "Without it no order enters. Update the service in routine 801, or name the field as 'order.reference' in the contract "
                    "overrides.",
                ),
            )
        return Check("orders", True, Text("Os pedidos podem ser consultados.", "Orders can be looked for."))

    async def _health(self, service: str, path: str) -> Check:
        """A service that is up answers text; one that is down, a Jetty page, sometimes with status 200."""
        name = f"service.{service}"
        try:
            answer = await self.client.open.plain("GET", path)
        except EngateError as error:
            return Check(name, False, error.text, error.hint)
        page = "html" in answer.headers.get("content-type", "") or answer.body.lstrip()[:1] == b"<"
        if answer.status == 200 and not page:
            return Check(name, True, Text(f"Serviço {service} no ar.", f"Service {service} is up."))
        return Check(
            name,
            False,
            Text(f"Serviço {service} não responde ({answer.status}).", f"Service {service} does not answer ({answer.status})."),
            Text("Instale ou inicie o serviço na rotina 801/812 do WinThor.", "Install or start the service in WinThor's routine 801/812."),
        )

    async def identity(self) -> str:
        """The root of the main branch's CNPJ: the company, whatever address or user it is reached by."""
        for row in await self._branch_rows():
            if text(row.id) == self.main_branch and (found := customers.document(text(row.document))):
                return f"CNPJ {found[:8]}"
        raise Rejected(
            Text(
                f"A filial {self.main_branch} não existe no WinThor ou não tem CNPJ.",
                f"Branch {self.main_branch} is not in WinThor or has no CNPJ.",
            ),
            Text("Confira as filiais da conexão e a rotina de filiais.", "Check the connection's branches and WinThor's branch record."),
            code="branch.unknown",
        )

    def unavailable(self) -> Mapping[str, Text]:
        if not self.settings.image_url:
            return {
                "list_images": Text(
                    "O WinThor não serve imagens: preencha 'Endereço das imagens' na conexão.",
                    "WinThor serves no images: fill in 'Address of the images' in the connection.",
                )
            }
        if not any(place in self.settings.image_url for place in ("{code}", "{ean}", "{sku}")):
            return {
                "list_images": Text(
                    "O endereço das imagens precisa de {code}, {ean} ou {sku}: sem isso todo produto teria a mesma imagem.",
                    "The image address needs {code}, {ean} or {sku}: without one, every product would have the same image.",
                )
            }
        return {}

    # ---- choices and branches ----

    async def list_choices(self, kind: str) -> AsyncIterator[Page[Choice]]:
        """ "carriers" has no endpoint known: empty, like an unknown kind."""
        rows, contract = self.client.rows, self.contract
        choices: list[Choice] = []
        if kind == "branches":
            choices = [Choice(text(row.id), translate.branch_name(row)) for row in await self._branch_rows()]
        elif kind == "charges":
            found = await self.client.all(contract.billings, rows.billing, lambda row: text(row.id))
            choices = [translate.billing_choice(row) for row in found if translate.serves(row.branch, self.branches)]
        elif kind == "terms":
            found = await self.client.all(contract.plans, rows.plan, lambda row: text(row.id))
            choices = [translate.plan_choice(row) for row in found if translate.serves(row.branch, self.branches)]
        elif kind == "price_tables":
            found = await self.client.all(contract.regions, rows.region, lambda row: text(row.id))
            choices = [translate.region_choice(row) for row in found if translate.serves(row.branch, self.branches)]
        yield Page(choices)

    async def _branch_rows(self) -> list[BranchRow]:
        """Every branch but 99, which stands for all of them."""
        found = await self.client.all(self.contract.branches, self.client.rows.branch, lambda row: text(row.id))
        return [row for row in found if text(row.id) not in ("", translate.ALL_BRANCHES)]

    async def list_warehouses(self, query: Query) -> AsyncIterator[Page[Warehouse]]:
        """The configured branches, one that WinThor does not know with a problem."""
        known = {text(row.id): row for row in await self._branch_rows()}
        wanted = [branch for branch in self.branches if query.keys is None or branch in query.keys]
        yield Page(
            [
                translate.warehouse(known[branch]) if branch in known else Warehouse(branch, branch, problems=(translate.UNKNOWN_BRANCH,))
                for branch in wanted
            ]
        )

    # ---- the catalogue ----

    async def list_categories(self, query: Query) -> AsyncIterator[Page[Category]]:
        """Three lists, one tree. The cursor says in which list ("section:3")."""
        rows, contract = self.client.rows, self.contract
        levels: dict[str, tuple[Paged, type[Any], Callable[[Any], Category]]] = {
            "department": (contract.departments, rows.department, translate.department),
            "section": (contract.sections, rows.section, translate.section),
            "category": (contract.categories, rows.category, translate.category),
        }
        names = list(levels)
        start, _, page = (query.cursor or names[0]).partition(":")
        for place in range(names.index(start), len(names)):
            call, kind, made = levels[names[place]]
            following = f"{names[place + 1]}:1" if place + 1 < len(names) else None
            reading = msgspec.structs.replace(query, cursor=page or None)
            page = ""
            async for part in self._list(reading, Rows(call, kind, lambda row: text(row.id)), made):
                part.items = [item for item in part.items if query.keys is None or item.key in query.keys]
                part.cursor = f"{names[place]}:{part.cursor}" if part.cursor else following
                yield part

    async def list_brands(self, query: Query) -> AsyncIterator[Page[Brand]]:
        brands = Rows(self.contract.brands, self.client.rows.brand, lambda row: text(row.id))
        async for page in self._list(query, brands, translate.brand):
            page.items = [item for item in page.items if query.keys is None or item.key in query.keys]
            yield page

    async def list_products(self, query: Query) -> AsyncIterator[Page[Product]]:
        """With callOrigin=T: asked for e-commerce items only (W), WinThor leaves those with a missing link out without a word."""
        if query.keys is not None:
            yield Page([item for key in query.keys for item in await self._one_product(key)])
            return
        products = Rows(self.contract.products, self.client.rows.product, lambda row: text(row.id))
        branch = {products.call.branch: self.main_branch}
        async for page in self._list(query, products, translate.product, keep=translate.for_shop, params=branch):
            yield page

    async def _one_product(self, key: str) -> list[Product]:
        call = self.contract.products
        path, params = self.contract.one_product.format(id=key), {**dict(parse_qsl(call.fixed)), call.branch: self.main_branch}
        found = await self.client.one(path, self.client.rows.product, params, operation=self.contract.one_product)
        return [translate.product(row) for row in found if text(row.id) == key and translate.for_shop(row)]

    async def list_skus(self, query: Query) -> AsyncIterator[Page[Sku]]:
        """The images come with them: their addresses follow from the same rows."""
        template = "" if "list_images" in self.unavailable() else self.settings.image_url
        async for page in self._sku_rows(query, lambda row: _Packaging(translate.sku(row), _image(row, template))):
            images = [each.image for each in page.items if each.image is not None]
            yield Page([each.sku for each in page.items], page.cursor, page.watermark, also={"image": images})

    async def list_images(self, query: Query) -> AsyncIterator[Page[Image]]:
        """WinThor serves no images: their addresses follow from the packagings."""
        if query.keys is not None:
            query = msgspec.structs.replace(query, keys=tuple(key.removesuffix("/0") for key in query.keys))
        template = self.settings.image_url
        async for page in self._sku_rows(query, lambda row: translate.image(row, template)):
            yield page

    async def _sku_rows(self, query: Query, made: Callable[[SkuRow], T]) -> AsyncIterator[Page[T]]:
        skus = Rows[SkuRow](self.contract.skus, self.client.rows.sku, translate.sku_key)
        branch = {skus.call.branch: self.main_branch}
        if query.keys is not None:
            products = dict.fromkeys(name.rpartition("-")[2] for name in query.keys)
            rows = await self._picked(skus, products, lambda row, ask: text(row.product) == ask, branch)
            yield Page(_unique(made(row) for row in rows if skus.key(row) in query.keys))
            return
        async for page in self._list(query, skus, made, params=branch):
            yield page

    # ---- prices and stock ----

    async def list_prices(self, query: Query) -> AsyncIterator[Page[Price]]:
        """Always complete: this list has no changed-since, and offers come and go without a change. A price table is a region.

        Only where the connection names its region can the default price be told from those of other regions; else they are another pass.
        The cursor says in which pass, and of which regions ("1/9f3a…:3"): with others the reading begins anew.
        """
        passes = self._price_passes(query.tables)
        if query.keys is not None:
            skus = dict.fromkeys(key.partition("@")[0] for key in query.keys)
            now = self.client.local(self.client.clock.now())
            found = [price for each in passes for row in await self._picked_prices(skus, each) for price in self._prices(row, now, each)]
            yield Page(_unique(price for price in found if price.key in query.keys))
            return
        places = [f"{index}/{blake2b(repr(passes).encode(), digest_size=4).hexdigest()}" for index in range(len(passes))]
        at, _, cursor = (query.cursor or "").partition(":")
        if at not in places:
            at, cursor = places[0], ""
        for index in range(places.index(at), len(passes)):
            each = passes[index]
            following = f"{places[index + 1]}:" if index + 1 < len(passes) else None
            list_of, params = self._price_list(each)
            async for part in self.client.pages(list_of.call, list_of.kind, list_of.key, params, cursor=cursor or None):
                prices = [price for row in part.rows for price in self._prices(row, part.now, each)]
                yield Page(_unique(prices), f"{places[index]}:{part.cursor}" if part.cursor else following)
            cursor = ""

    def _price_passes(self, tables: Iterable[str]) -> list[Mapping[str, str]]:
        """Each a reading of the list: price table -> region ("" = whichever WinThor chose, when it was not asked for all)."""
        own, names_all = {"": self.settings.price_region}, self.contract.price_regions
        others = {table: table for table in tables} if names_all else {}
        if own[""] and names_all:
            return [own | others]
        return [own, others] if others else [own]

    def _price_list(self, tables: Mapping[str, str]) -> tuple[Rows[PriceRow], dict[str, object]]:
        call, all_regions = self.contract.prices, any(tables.values())
        params: dict[str, object] = {call.branch: self.main_branch}
        if all_regions and self.contract.price_regions:
            params[self.contract.price_regions] = "true"
        key: Callable[[PriceRow], str] = lambda row: f"{text(row.sku)} {text(row.region)}" if all_regions else text(row.sku)  # noqa: E731
        return Rows[PriceRow](call, self.client.rows.price, key), params

    def _prices(self, row: PriceRow, now: str, tables: Mapping[str, str]) -> list[Price]:
        return [
            translate.price(row, now, table)
            for table, region in tables.items()
            if translate.of_region(row, self.main_branch, region) and (not table or text(row.region) == region)
        ]

    async def _picked_prices(self, skus: Iterable[str], tables: Mapping[str, str]) -> list[PriceRow]:
        list_of, params = self._price_list(tables)
        return await self._picked(list_of, skus, lambda row, ask: text(row.sku) == ask, params)

    async def list_stock(self, query: Query) -> AsyncIterator[Page[StockLevel]]:
        stock = Rows[StockRow](self.contract.stock, self.client.rows.stock, lambda row: f"{text(row.sku)} {text(row.branch)}")
        asked = [branch for branch in self.branches if query.scope in ("", branch)]
        if not asked:  # mapped, and none of those that this connection sells from
            yield Page([])
            return
        branches = {stock.call.branch: ",".join(asked)}
        ours: Callable[[StockRow], bool] = lambda row: text(row.branch) in asked  # noqa: E731
        if query.keys is None:
            async for page in self._list(query, stock, translate.stock, keep=ours, params=branches):
                yield page
            return
        skus = dict.fromkeys(name.rpartition("@")[0] for name in query.keys)
        rows = await self._picked(stock, skus, lambda row, ask: text(row.sku) == ask, branches)
        missing = skus.keys() - {text(row.sku) for row in rows}
        if missing:
            # `productId` is the SKU key in the answer, but whether the filter takes that or the product's code is not documented.
            codes = dict.fromkeys(sku.rpartition("-")[2] for sku in missing)
            rows += await self._picked(stock, codes, lambda row, ask: text(row.sku).rpartition("-")[2] == ask, branches)
        found = {level.key: level for level in map(translate.stock, filter(ours, rows))}
        yield Page([found[key] for key in query.keys if key in found])

    # ---- reading lists ----

    async def _list(
        self,
        query: Query,
        of: Rows[R],
        made: Callable[[R], T],
        *,
        keep: Callable[[R], bool] | None = None,
        params: Mapping[str, object] | None = None,
    ) -> AsyncIterator[Page[T]]:
        """Pages of a list that knows what changed since. Rows that are not kept count for the watermark all the same."""
        asked: dict[str, object] = {
            **(params or {}),
            of.call.since: self.client.since(query.since, self.overlap_seconds) if query.keys is None else None,
        }
        async for part in self.client.pages(of.call, of.kind, of.key, asked, cursor=query.cursor):
            rows = part.rows if keep is None else [row for row in part.rows if keep(row)]
            stamps = [getattr(row, "changed", None) for row in part.rows] if query.keys is None else []
            yield Page(_unique(made(row) for row in rows), part.cursor, watermark(stamps, part.now))

    async def _picked(self, of: Rows[R], asks: Iterable[str], fits: Callable[[R, str], bool], params: Mapping[str, object]) -> list[R]:
        """The rows of a few things, asked one by one. Where the server ignores the filter, or for many, the whole list is read once."""
        call = of.call
        asks, found = [ask for ask in asks if ask], list[R]()
        if call.only and len(asks) < MANY:
            for ask in asks:
                rows = await self._asked(of, fits, ask, {**params, call.only: ask})
                if rows is None:
                    break
                found += rows
            else:
                return found
        return await self.client.all(of.call, of.kind, of.key, params)

    async def _asked(self, of: Rows[R], fits: Callable[[R, str], bool], ask: str, params: Mapping[str, object]) -> list[R] | None:
        """The rows of one thing; None as soon as a row of another shows that the filter is ignored."""
        found: list[R] = []
        async for part in self.client.pages(of.call, of.kind, of.key, params):
            if not all(fits(row, ask) for row in part.rows):
                return None
            found += part.rows
        return found

    # ---- orders: reading ----

    async def list_fulfilment(self, query: Query) -> AsyncIterator[Page[ErpOrder]]:
        if query.keys is not None:
            for key in query.keys:
                yield Page([await self._with_invoices(row) for row in await self._one_order(*_split(key))])
            return
        found, names = Rows(self.contract.orders, self.client.rows.order, _order_key), self.contract.order_params
        params = {names.days: self.settings.fulfilment_days, names.documents: "true", found.call.branch: ",".join(self.branches)}
        async for page in self._list(query, found, self._order, params=params):
            yield page

    def _order(self, row: OrderRow) -> ErpOrder:
        return orders.erp_order(row, self.client.instant, tuple(self.contract.delivered_words.split(",")))

    async def _one_order(self, branch: str, number: str) -> list[OrderRow]:
        """One order, asked for in its own branch: in any other it looks absent. No number is no order's."""
        if not number:
            return []
        names = self.contract.order_params
        params: dict[str, object] = {names.number: number, names.branch: branch, names.documents: "true"}
        found = await self.client.one(self.contract.one_order, self.client.rows.order, params)
        return [row for row in found if text(row.number) == number]

    async def _with_invoices(self, row: OrderRow) -> ErpOrder:
        """A 404 is not an error: WinThor publishes the XML some time after it invoiced."""
        found = self._order(row)
        if found.state != "invoiced":
            return msgspec.structs.replace(found, invoices=())
        params: dict[str, object] = {self.contract.invoice_order: found.key, self.contract.invoice_base64: "false"}
        documents = await self.client.one(self.contract.invoice, self.client.rows.invoice, params)
        xmls = [document.xml for document in documents if document.xml]
        return msgspec.structs.replace(found, invoices=nfe.documents(xmls, orders.sold(row)))

    async def find_order(self, part: OrderPart) -> Found | Absent | Unsure:
        """Every configured branch (and the part's own), every page, back to the day the order was placed. Whatever fails is `Unsure`.
        Orders that others placed have no reference: looked for by none, each of them would be the one."""
        if not part.reference:
            return Unsure("the order has no reference to be found by")
        age = self.context.clock.now() - part.order.placed_at
        # An order may have been created at any time since it was placed: after an outage of days, two days back would miss it.
        days = max(SEARCH_DAYS, age // timedelta(days=1) + SEARCH_DAYS)
        try:
            listed = await self.search.listed((*self.branches, part.branch), days)
        except (AuthFailed, Forbidden):
            raise  # a person has to act: not to be hidden among what passes
        except EngateError as error:
            return Unsure(error.text.en)
        matches = listed.orders.get(part.reference)
        if matches:
            # Should there be several, the living one counts.
            best = min(matches, key=lambda row: orders.state(row.status) == "cancelled")
            return Found(text(best.number), orders.state(best.status))
        if listed.blind:
            return Unsure(NO_REFERENCE.en)
        return Absent() if listed.whole else Unsure("the list of orders changed while it was read")

    # ---- orders: writing ----

    async def import_order(self, part: OrderPart) -> Imported:
        orders.complete(part)
        orders.money(part)  # what does not add up is said before a customer is created
        customer, notes = await buyers.customer_of(self.client, part)
        body = orders.body(part, customer, [customers.delivery_note(part.order), *notes], self.contract, self.settings)
        if self.settings.customer_policy == "default_customer" and self.contract.order_body.consumers:
            body[self.contract.order_body.consumers] = [customers.consumer(part.order, self.contract.consumer_body)]
        try:
            answer = await self.client.send("POST", self.contract.create_order, body, safe=False)
        except Answered as error:
            raise orders.refusal(error, asked(part).seller) from None
        number = orders.number(answer.body, self.contract.order_number)
        if not number:
            raise Unknown(
                Text("O WinThor aceitou o pedido, mas não disse o número.", "WinThor took the order, but did not say its number."),
                Text("O engate procura o pedido antes de qualquer reenvio.", "engate looks for the order before it sends anything again."),
            )
        said = orders.number(answer.body, self.contract.order_status)
        return Imported(number, orders.state(said) if said else "in_erp")

    async def import_cancellation(self, part: PartRef, reason: str) -> None:
        names = self.contract.order_params
        params = {names.cancel_number: part.key, names.cancel_notify: "false", names.cancel_reason: reason.strip() or NO_REASON}
        try:
            await self.client.guarded.call("DELETE", self.contract.cancel_order, params=params, groups=GROUPS, media="")
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
            raise orders.refusal(error) from None

    async def _state_of(self, part: PartRef) -> str:
        """The order's state now; "" where it cannot be read (then the refusal itself is what counts)."""
        try:
            rows = await self._one_order(part.branch, part.key)
        except NotSent:
            return ""
        return orders.state(rows[0].status) if rows else ""


def _image(row: SkuRow, template: str) -> Image | None:
    return translate.image(row, template) if template else None


def _unique(items: Iterable[T]) -> list[T]:
    """One item a key, the last: some lists answer a row for each branch."""
    return list({item.key: item for item in items}.values())


def _order_key(row: OrderRow) -> str:
    return text(row.number)


def _split(key: str) -> tuple[str, str]:
    branch, _, number = key.partition("/")
    return branch, number


def _branch_check(branch: str, row: BranchRow | None) -> Check:
    if row is None:
        return Check(
            f"branch.{branch}",
            False,
            Text(f"A filial {branch} não existe no WinThor.", f"Branch {branch} does not exist in WinThor."),
            Text("Corrija as filiais da conexão.", "Fix the branches of the connection."),
        )
    return Check(
        f"branch.{branch}", True, Text(f"Filial {branch}: {translate.branch_name(row)}.", f"Branch {branch}: {translate.branch_name(row)}.")
    )

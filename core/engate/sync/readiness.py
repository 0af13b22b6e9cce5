"""What a pair lacks before it goes live: reads the beginning of each list of the ERP and decides about it as a load would."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterator
from typing import Any, NamedTuple

from engate.domain.effective import AWAITING, Against, Pair, Rules
from engate.domain.flows import FLOWS, offered
from engate.domain.mapping import PairMapping
from engate.domain.options import Options
from engate.domain.reasons import Reason
from engate.model import Check, Query, Sku
from engate.model.kinds import KINDS, Kind
from engate.plugins import Coupling, closing
from engate.sync.probe import as_line
from engate.sync.work import pair_of
from engate.text import Text

LOOKED_AT = 100
"""Items read of each kind."""
SECONDS = 40.0
"""Time that the ERP has for the beginning of one list."""


class Means(NamedTuple):
    """How the pair is set. `flows`: those that are switched on."""

    options: Options
    mapping: PairMapping
    flows: Collection[str]


async def looked(coupling: Coupling, means: Means) -> list[Check]:
    """A line for each flow that the pair does not offer, each kind that the ERP lists, and each reason for which some of it would wait."""
    lacking = [_not_offered(name, why) for name, why in offered(coupling).items() if why is not None and name in means.flows]
    kinds = [kind for kind in KINDS.values() if kind.flow in means.flows and coupling.can(kind.list_hook, kind.push_hook)]
    rules = Rules(means.options, means.mapping, {}, Against({}), pair_of(coupling))
    found = await asyncio.gather(*(_kind(coupling, rules, kind) for kind in kinds))
    return [*lacking, *([_no_images()] if _hidden(coupling, means, rules.pair) else []), *(line for lines in found for line in lines)]


async def _kind(coupling: Coupling, rules: Rules, kind: Kind) -> list[Check]:
    try:
        async with asyncio.timeout(SECONDS):
            docs = await _beginning(coupling, kind)
    except Exception as error:
        return [as_line(kind.name, error)]
    return list(_judged(rules, kind, docs))


async def _beginning(coupling: Coupling, kind: Kind) -> list[Any]:
    docs: list[Any] = []
    async with closing(getattr(coupling.erp, kind.list_hook)(Query())) as pages:
        async for page in pages:
            docs += page.items
            if len(docs) >= LOOKED_AT or page.cursor is None:
                break
    return docs[:LOOKED_AT]


def _judged(rules: Rules, kind: Kind, docs: list[Any]) -> Iterator[Check]:
    title = kind.title
    counted = [doc for doc in docs if not rules.ignores(doc)]
    if docs and not counted:
        yield Check(
            kind.name, False, Text(f"{title.pt}: só de tabelas sem linha.", f"{title.en}: only of tables without a row."), PRICE_LISTS
        )
        return
    if not counted:
        yield Check(kind.name, False, Text(f"{title.pt}: o ERP não informa nada.", f"{title.en}: the ERP lists nothing."), EMPTY)
        return
    waiting: dict[str, tuple[Reason, int]] = {}
    for doc in counted:
        found = rules.effective(kind.name, doc, 0.0)
        reason = found.reason or (found.awaiting if found.awaiting is not AWAITING else None)
        if reason is not None:
            first, count = waiting.get(reason.code, (reason, 0))
            waiting[reason.code] = (first, count + 1)
    yield Check(kind.name, True, _read(title, len(counted)))
    for code, (reason, count) in waiting.items():
        yield Check(code, False, _of_those(title, count, len(counted), reason.text), reason.hint)
    light = sum(isinstance(doc, Sku) and not rules.effective(kind.name, doc, 0.0).doc.weight_kg for doc in counted)
    if light:
        yield Check("weight", False, _of_those(title, light, len(counted), NO_WEIGHT), WEIGHT_HINT)


def _read(title: Text, count: int) -> Text:
    if count < LOOKED_AT:
        return Text(f"{title.pt}: o ERP informa {count}.", f"{title.en}: the ERP lists {count}.")
    return Text(f"{title.pt}: os primeiros {count} foram lidos.", f"{title.en}: the first {count} were read.")


def _of_those(title: Text, count: int, of: int, why: Text) -> Text:
    return Text(
        f"{title.pt}: {count} de {of} com pendência. Exemplo: {why.pt}", f"{title.en}: {count} of {of} lack something. Example: {why.en}"
    )


def _not_offered(flow: str, why: Text) -> Check:
    title = FLOWS[flow].title
    return Check(f"flow.{flow}", False, Text(f"{title.pt}: {why.pt}", f"{title.en}: {why.en}"), BY_HAND)


def _hidden(coupling: Coupling, means: Means, pair: Pair) -> bool:
    """Whether the shop hides products without an image and no images will be sent."""
    return coupling.hides_without_image and "sku" in pair.kinds and not ("image" in pair.kinds and "images" in means.flows)


def _no_images() -> Check:
    text = Text(
        "A loja não mostra item sem imagem, e o engate não envia imagens nesta integração.",
        "The shop shows no item without an image, and engate sends none in this integration.",
    )
    return Check("images", False, text, Text("Inclua as imagens na própria loja.", "Add the images in the shop itself."))


EMPTY = Text(
    "Confira no ERP o que está marcado para a loja, e o acesso da conta.",
    "Check in the ERP what is flagged for the shop, and the account's access.",
)
PRICE_LISTS = Text("Preencha 'Listas de preço' na integração.", "Fill in the integration's 'Price lists'.")
BY_HAND = Text(
    "O que esta carga faria fica a cargo da equipe da loja; se não for usada, desligue-a na integração.",
    "What this flow would do is left to the shop's people; if it is not used, switch it off in the integration.",
)
NO_WEIGHT = Text("sem peso no ERP.", "without a weight in the ERP.")
WEIGHT_HINT = Text(
    "Preencha o peso no ERP, ou a opção 'Peso padrão' da integração.",
    "Fill in the weight in the ERP, or the integration's option 'Default weight'.",
)

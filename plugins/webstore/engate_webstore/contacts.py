"""Buyers that the shop registers before their order. The order tells its buyer again, and that one enters the ERP: here a number is
answered, the same one for the same document, and nothing is kept. Contract: olist FACTS, section 1 (contato.incluir, batches of one)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from zlib import crc32

from engate_webstore.envelope import INVALID, Call, Refused


def taken(call: Call) -> Mapping[str, Any]:
    given: Any = call.document("contato")
    rows = given.get("contatos")
    if isinstance(rows, list) and rows:
        given = rows[0]
    contact = given.get("contato", given) if isinstance(given, Mapping) else {}
    name = str(contact.get("nome") or "").strip() if isinstance(contact, Mapping) else ""
    if not name:
        raise Refused(INVALID, "nome é obrigatório")
    known_by = re.sub(r"[^0-9A-Z]", "", str(contact.get("cpf_cnpj") or "").upper()) or name
    return {"sequencia": str(contact.get("sequencia") or "1"), "status": "OK", "id": crc32(known_by.encode())}

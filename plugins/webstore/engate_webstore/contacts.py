"""Buyers that the shop registers before their order.

The order holds its buyer again, and that one enters the ERP. So nothing is kept here: a number is answered, the same one for the same
document. Contract: olist FACTS, section 1 (contato.incluir, batches of one).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from zlib import crc32

from engate.shapes import is_array, is_object
from engate_webstore.envelope import INVALID, Call, Refused


def taken(call: Call) -> Mapping[str, Any]:
    document = call.document("contato")
    rows = document.get("contatos")
    given: object = rows[0] if is_array(rows) and rows else document
    contact = given.get("contato", given) if is_object(given) else None
    name = str(contact.get("nome") or "").strip() if is_object(contact) else ""
    if not is_object(contact) or not name:
        raise Refused(INVALID, "nome é obrigatório")
    known_by = re.sub(r"[^0-9A-Z]", "", str(contact.get("cpf_cnpj") or "").upper()) or name
    return {"sequencia": str(contact.get("sequencia") or "1"), "status": "OK", "id": crc32(known_by.encode())}

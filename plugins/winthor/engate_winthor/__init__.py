"""engate plugin: TOTVS WinThor (ERP)."""

from engate import Manifest
from engate_winthor.order_fields import OrderFields
from engate_winthor.settings import Settings

manifest = Manifest(
    key="winthor",
    name="TOTVS WinThor",
    role="erp",
    settings=Settings,
    connection="engate_winthor.erp:Winthor",
    hook_api=4,
    order_fields=OrderFields,
    typed=frozenset({"order_body.freight", "winthor-ferramenta-gateway"}),
)

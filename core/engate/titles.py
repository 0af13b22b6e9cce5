"""Titles of states, steps of an order, owners and causes: each word once, in both languages.

A title is shown beside the raw code; sentences are in tables of their own. Kinds: `engate.model.kinds`.
"""

from __future__ import annotations

from collections.abc import Mapping

from engate.text import Text

ORDER_STATES: Mapping[str, Text] = {
    "received": Text("Recebido", "Received"),
    "awaiting_payment": Text("Aguardando pagamento", "Awaiting payment"),
    "held": Text("Retido na loja", "Held in the shop"),
    "ready": Text("Pronto para o ERP", "Ready for the ERP"),
    "rejected": Text("Recusado pelo ERP", "Refused by the ERP"),
    "importing": Text("Entrando no ERP", "Entering the ERP"),
    "erp_held": Text("Bloqueado no ERP", "Held in the ERP"),
    "in_erp": Text("No ERP", "In the ERP"),
    "picking": Text("Em separação", "Being picked"),
    "partly_invoiced": Text("Faturado em parte", "Partly invoiced"),
    "invoiced": Text("Faturado", "Invoiced"),
    "shipped": Text("Enviado", "Shipped"),
    "delivered": Text("Entregue", "Delivered"),
    "cancel_requested": Text("Cancelamento pedido", "Cancellation requested"),
    "cancelled": Text("Cancelado", "Cancelled"),
    "expired": Text("Expirado sem pagamento", "Expired unpaid"),
    "ignored": Text("Fora do ERP por regra", "Kept out of the ERP by rule"),
}
"""States of an order and of its parts."""
ORDER_WAITS: Mapping[str, Text] = {
    "received": Text("Recebido; a loja ainda não o liberou.", "Received; the shop has not released it."),
    "awaiting_payment": Text("Aguardando pagamento na loja.", "Waits for payment in the shop."),
    "held": Text("Em análise ou na janela de cancelamento da loja.", "In review, or in the shop's cancel window."),
    "ready": Text("Pronto: entra no ERP em seguida.", "Ready: enters the ERP next."),
    "rejected": Text("Recusado pelo ERP.", "Refused by the ERP."),
    "importing": Text(
        "Enviado ao ERP, que ainda não confirmou; o engate confere antes de reenviar.",
        "Sent to the ERP, which has not confirmed; engate looks before it resends.",
    ),
    "erp_held": Text("No ERP, bloqueado (crédito, limite ou margem).", "In the ERP, held (credit, limit or margin)."),
    "in_erp": Text("No ERP, aguardando separação.", "In the ERP, waiting to be picked."),
    "picking": Text("Em separação no ERP.", "Being picked."),
    "partly_invoiced": Text("Faturado em parte; o resto segue.", "Partly invoiced; the rest goes on."),
    "invoiced": Text("Faturado.", "Invoiced."),
    "shipped": Text("Enviado ao cliente.", "Shipped."),
    "delivered": Text("Entregue.", "Delivered."),
    "cancel_requested": Text("Cancelamento pedido na loja.", "Cancellation requested in the shop."),
    "cancelled": Text("Cancelado.", "Cancelled."),
    "expired": Text("Expirado na loja sem pagamento.", "Expired in the shop, unpaid."),
    "ignored": Text(
        "Não entra no ERP por regra (teste ou anterior à entrada em produção).", "Kept out of the ERP by rule (test, or before go-live)."
    ),
}
"""Where an order stands, as a sentence."""
SHOP_STATES: Mapping[str, Text] = {
    "received": Text("recebido", "received"),
    "awaiting_payment": Text("aguardando pagamento", "awaiting payment"),
    "held": Text("retido (análise ou janela de cancelamento)", "held (review, or the cancel window)"),
    "ready": Text("liberado para preparação", "released for handling"),
    "handling": Text("em preparação", "being handled"),
    "invoiced": Text("faturado", "invoiced"),
    "cancel_requested": Text("cancelamento pedido", "cancellation requested"),
    "cancelled": Text("cancelado", "cancelled"),
}
"""States that the storefront tells, within a sentence. An unknown state has no title and is shown in the shop's own word."""
RECORD_STATES: Mapping[str, Text] = {
    "to_send": Text("Na fila para a loja", "Queued for the shop"),
    "sent": Text("Enviado, sem confirmação", "Sent, not confirmed"),
    "waiting": Text("Aguardando", "Waiting"),
    "settled": Text("Em dia na loja", "Up to date in the shop"),
    "missing": Text("Ausente no ERP", "Missing in the ERP"),
}
RUN_STATES: Mapping[str, Text] = {
    "reading": Text("Lendo o ERP", "Reading the ERP"),
    "pushing": Text("Enviando à loja", "Sending to the shop"),
    "done": Text("Concluída", "Done"),
    "failed": Text("Falhou", "Failed"),
    "cancelled": Text("Cancelada", "Cancelled"),
}
TRIGGERS: Mapping[str, Text] = {
    "schedule": Text("Agenda", "Schedule"),
    "request": Text("Pedido de um operador", "An operator's request"),
    "activation": Text("Ativação", "Activation"),
    "options": Text("Mudança de opções ou mapeamento", "Change of options or mapping"),
    "webhook": Text("Aviso da plataforma", "The platform's notice"),
}
"""What began a run."""
INTEGRATION_STATES: Mapping[str, Text] = {
    status.pt: status
    for status in (
        Text("Ativa", "Active"),
        Text("Inativa", "Inactive"),
        Text("Não conectada", "Not connected"),
        Text("Não instalada", "Not installed"),
    )
}
"""The status of an integration is its Portuguese title."""
DELIVERIES: Mapping[str, Text] = {
    "taken": Text("Recebida", "Taken in"),
    "unheard": Text("Nenhuma integração em produção", "No integration was live"),
    "rejected": Text("Não pôde ser usada", "Could not be used"),
    "refused": Text("Recusada: não é da plataforma", "Refused: not the platform's"),
}
"""Outcomes of deliveries."""
CALLS: Mapping[str, Text] = {
    "ok": Text("Deu certo", "Went well"),
    "refused": Text("Recusada pela plataforma", "Refused by the platform"),
    "failed": Text("Sem resposta, e sem efeito", "No answer, and no effect"),
    "unknown": Text("De efeito incerto", "Of unknown effect"),
}
"""How a call of a platform ended."""
OWNERS: Mapping[str, Text] = {
    "person": Text("Uma pessoa", "A person"),
    "storefront": Text("A loja", "The shop"),
    "engate": Text("O engate", "engate"),
}
"""Who can end a wait."""
STEPS: Mapping[str, Text] = {
    "shop": Text("Situação na loja", "State in the shop"),
    "ignored": Text("Fora do ERP por regra", "Kept out of the ERP by rule"),
    "attention": Text("Precisa de atenção", "Needs attention"),
    "task": Text("Pendência aberta", "Task opened"),
    "task_closed": Text("Pendência encerrada", "Task closed"),
    "uncertain": Text("Resultado incerto no ERP", "Uncertain in the ERP"),
    "imported": Text("Entrou no ERP", "Entered the ERP"),
    "found": Text("Encontrado no ERP", "Found in the ERP"),
    "rejected": Text("Recusado pelo ERP", "Refused by the ERP"),
    "finished": Text("Concluído no ERP", "Finished in the ERP"),
    "cancelled": Text("Cancelado", "Cancelled"),
    "erp_cancelled": Text("Cancelado no ERP", "Cancelled in the ERP"),
    "shop_cancelled": Text("Cancelamento informado à loja", "Cancellation told to the shop"),
    "cancel_refused": Text("Cancelamento recusado", "Cancellation declined"),
    "erp_changed": Text("Alterado no ERP", "Changed in the ERP"),
    "erp_change_refused": Text("Alteração recusada pelo ERP", "Change refused by the ERP"),
    "shop_changed": Text("Alterado na loja", "Changed in the shop"),
    "shop_change_refused": Text("Alteração recusada pela loja", "Change refused by the shop"),
    "handling": Text("Em preparação", "Being handled"),
    "document": Text("Nota recebida", "Note received"),
    "invoice_sent": Text("Nota enviada à loja", "Note sent to the shop"),
    "tracking_sent": Text("Rastreio enviado à loja", "Tracking sent to the shop"),
    "delivered": Text("Entregue", "Delivered"),
    "mailed": Text("E-mail enviado", "E-mail sent"),
    "mail_refused": Text("E-mail não entregue", "E-mail not delivered"),
    "mail_unknown": Text("E-mail de resultado incerto", "E-mail of unknown outcome"),
    "mail_dropped": Text("E-mail não enviado", "E-mail not sent"),
    "mail_impossible": Text("E-mail sem endereço", "E-mail without an address"),
}
"""The lines of an order's timeline."""
HOOKS: Mapping[str, Text] = {
    "test_connection": Text("testar a conexão", "testing the connection"),
    "identity": Text("dizer qual é a conta", "telling the account"),
    "learn": Text("ler os dados da conta", "reading the account's facts"),
    "answer": Text("responder à plataforma", "answering the platform"),
    "broke": Text("responder à plataforma", "answering the platform"),
    "install_webhooks": Text("instalar os avisos da plataforma", "installing the platform's webhooks"),
    "list_choices": Text("ler as escolhas do ERP", "reading the ERP's choices"),
    "list_warehouses": Text("ler as filiais do ERP", "reading the ERP's branches"),
    "list_categories": Text("ler as categorias do ERP", "reading the ERP's categories"),
    "list_brands": Text("ler as marcas do ERP", "reading the ERP's brands"),
    "list_products": Text("ler os produtos do ERP", "reading the ERP's products"),
    "list_skus": Text("ler os SKUs do ERP", "reading the ERP's SKUs"),
    "list_images": Text("ler as imagens do ERP", "reading the ERP's images"),
    "list_prices": Text("ler os preços do ERP", "reading the ERP's prices"),
    "list_stock": Text("ler o estoque do ERP", "reading the ERP's stock"),
    "list_fulfilment": Text("ler o andamento dos pedidos no ERP", "reading the progress of orders in the ERP"),
    "find_order": Text("procurar o pedido no ERP", "looking for the order in the ERP"),
    "import_order": Text("enviar o pedido ao ERP", "sending the order to the ERP"),
    "import_cancellation": Text("cancelar o pedido no ERP", "cancelling the order in the ERP"),
    "import_order_change": Text("alterar o pedido no ERP", "changing the order in the ERP"),
    "finish_order": Text("concluir o pedido no ERP", "finishing the order in the ERP"),
    "push_warehouses": Text("enviar os depósitos à loja", "sending the warehouses to the shop"),
    "push_categories": Text("enviar as categorias à loja", "sending the categories to the shop"),
    "push_brands": Text("enviar as marcas à loja", "sending the brands to the shop"),
    "push_products": Text("enviar os produtos à loja", "sending the products to the shop"),
    "push_skus": Text("enviar os SKUs à loja", "sending the SKUs to the shop"),
    "push_images": Text("enviar as imagens à loja", "sending the images to the shop"),
    "push_prices": Text("enviar os preços à loja", "sending the prices to the shop"),
    "push_stock": Text("enviar o estoque à loja", "sending the stock to the shop"),
    "check_warehouses": Text("conferir os depósitos enviados à loja", "checking the warehouses sent to the shop"),
    "check_categories": Text("conferir as categorias enviadas à loja", "checking the categories sent to the shop"),
    "check_brands": Text("conferir as marcas enviadas à loja", "checking the brands sent to the shop"),
    "check_products": Text("conferir os produtos enviados à loja", "checking the products sent to the shop"),
    "check_skus": Text("conferir os SKUs enviados à loja", "checking the SKUs sent to the shop"),
    "check_images": Text("conferir as imagens enviadas à loja", "checking the images sent to the shop"),
    "check_prices": Text("conferir os preços enviados à loja", "checking the prices sent to the shop"),
    "check_stock": Text("conferir o estoque enviado à loja", "checking the stock sent to the shop"),
    "read_choices": Text("ler as escolhas da loja", "reading the shop's choices"),
    "read_listing": Text("ler os produtos da loja", "reading the shop's products"),
    "read_order_events": Text("ler os avisos de pedidos da loja", "reading the shop's order events"),
    "read_orders": Text("ler a lista de pedidos da loja", "reading the shop's list of orders"),
    "read_order": Text("ler o pedido na loja", "reading the order in the shop"),
    "send_handling": Text("avisar a loja da preparação", "telling the shop of the handling"),
    "send_invoice": Text("enviar a nota à loja", "sending the note to the shop"),
    "send_order_change": Text("alterar o pedido na loja", "changing the order in the shop"),
    "send_tracking": Text("enviar o rastreio à loja", "sending the tracking to the shop"),
    "send_delivery": Text("informar a entrega à loja", "telling the shop of the delivery"),
    "send_cancellation": Text("cancelar o pedido na loja", "cancelling the order in the shop"),
    "send_cancel_refusal": Text("recusar o cancelamento na loja", "declining the cancellation in the shop"),
    "on_order_imported": Text("avisar a extensão de um pedido", "telling the extension of an order"),
    "on_attention": Text("avisar a extensão do que precisa de atenção", "telling the extension of what needs attention"),
    "on_run_finished": Text("avisar a extensão de uma carga", "telling the extension of a load"),
}
"""What each hook does, within a sentence: "Não foi possível enviar os preços à loja.", "Sending the prices to the shop failed."."""

CAUSES: Mapping[str, Text] = {
    # what the mapping or a link lacks
    "mapping.warehouse": Text("Filial ou depósito sem mapeamento", "Branch or warehouse not mapped"),
    "mapping.price_table": Text("Tabela de preço sem mapeamento", "Price table not mapped"),
    "mapping.payment": Text("Forma de pagamento sem mapeamento", "Payment form not mapped"),
    "mapping.channel": Text("Canal de venda sem os dados que o ERP pede", "Sales channel without what the ERP asks for"),
    "order.fields": Text("Canal de venda sem os dados que o ERP pede", "Sales channel without what the ERP asks for"),
    "order.item_unmapped": Text("Item do pedido sem ligação com o ERP", "Order item not linked to the ERP"),
    "link.brand": Text("Produto sem marca no ERP", "Product without a brand in the ERP"),
    "link.category": Text("Produto sem categoria no ERP", "Product without a category in the ERP"),
    "link.department": Text("Produto sem departamento no ERP", "Product without a department in the ERP"),
    "link.section": Text("Produto sem seção no ERP", "Product without a section in the ERP"),
    "link.unlisted": Text("Vínculo com um cadastro que o ERP não lista", "Reference to what the ERP does not list"),
    "link.product": Text("Produto que a loja já tem, sem ligação", "Product that the shop has, not linked"),
    "link.by_hand": Text("Ligação com a loja a informar", "Link to the shop to be filled in"),
    "brand.unlinked": Text("Marca sem ligação com a loja", "Brand not linked to the shop"),
    "category.unlinked": Text("Categoria sem ligação com a loja", "Category not linked to the shop"),
    "enrichment": Text("A classificar na loja", "To be classified in the shop"),
    "enrichment.map": Text("A classificar na loja", "To be classified in the shop"),
    # what waits for something else
    "waiting.link": Text("Aguardando outro cadastro na loja", "Waiting for something else in the shop"),
    "waiting.other": Text("Aguardando outro cadastro na loja", "Waiting for something else in the shop"),
    "served.fetch": Text("Aguardando a loja buscar", "Waiting for the shop to fetch it"),
    "run.cancelled": Text("Carga cancelada", "Run cancelled"),
    # what the ERP's data lacks
    "name.missing": Text("Sem nome no ERP", "Without a name in the ERP"),
    "product.name": Text("Nome de produto que não serve", "Product name that does not fit"),
    "sku.name": Text("Nome de SKU que não serve", "SKU name that does not fit"),
    "category.name": Text("Categoria sem nome", "Category without a name"),
    "brand.name": Text("Marca sem nome", "Brand without a name"),
    "product.reference": Text("Código de produto que não serve", "Product code that does not fit"),
    "sku.reference": Text("Código de SKU que não serve", "SKU code that does not fit"),
    "brand.required": Text("Marca exigida pela loja", "Brand that the shop requires"),
    "category.required": Text("Categoria exigida pela loja", "Category that the shop requires"),
    "category.moved": Text("Categoria que mudou de lugar no ERP", "Category that was moved in the ERP"),
    "sku.code": Text("SKU sem código no ERP", "SKU without a code in the ERP"),
    "sku.image": Text("SKU sem imagem", "SKU without an image"),
    "sku.gtin": Text("Código de barras inválido", "Invalid barcode"),
    "sku.ean": Text("Código de barras recusado pela loja", "Barcode refused by the shop"),
    "sku.weight": Text("SKU sem peso", "SKU without a weight"),
    "sku.options": Text("Opções do SKU que não servem", "SKU options that do not fit"),
    "sku.elsewhere": Text("SKU em outro produto da loja", "SKU in another product of the shop"),
    "sku.missing": Text("SKU que a loja não tem mais", "SKU that the shop has no more"),
    "sku.key_changed": Text("Código do SKU mudou no ERP", "SKU code changed in the ERP"),
    "product.missing": Text("Produto que a loja não tem mais", "Product that the shop has no more"),
    "image.ean": Text("Imagem sem código de barras", "Image without a barcode"),
    "image.url": Text("Endereço de imagem que não serve", "Image address that does not fit"),
    "image.failed": Text("Imagem que a loja não leu", "Image that the shop could not read"),
    "price.missing": Text("Sem preço no ERP", "No price in the ERP"),
    "price.value": Text("Preço que não serve", "Price that does not fit"),
    "price.table": Text("Lista de preço que a loja não tem", "Price list that the shop lacks"),
    "stock.unlimited": Text("Estoque ilimitado no ERP", "Unlimited stock in the ERP"),
    "warehouse.missing": Text("Depósito que a loja não tem", "Warehouse that the shop lacks"),
    "warehouse.dock": Text("Doca do depósito não definida", "Warehouse without a loading dock"),
    "branch.unknown": Text("Filial que o ERP não tem", "Branch that the ERP lacks"),
    "value.unreadable": Text("Valor ilegível no ERP", "Unreadable value in the ERP"),
    "reading.short": Text("Lista do ERP incompleta", "Incomplete list from the ERP"),
    # orders
    "buyer.document": Text("CPF ou CNPJ do comprador", "The buyer's CPF or CNPJ"),
    "customer.default": Text("Cliente padrão não informado", "Default customer not set"),
    "customer.unknown": Text("Cliente sem código no ERP", "Customer without a number in the ERP"),
    "order.totals": Text("Totais do pedido não fecham", "The order's totals do not agree"),
    "order.total": Text("Totais do pedido não fecham", "The order's totals do not agree"),
    "order.erp_total": Text("Total no ERP diferente do cobrado", "Total in the ERP differs from the charge"),
    "order.settlement": Text("Dinheiro a acertar com o cliente", "Money to settle with the buyer"),
    "order.invoiced_above": Text("Faturado acima do cobrado", "Invoiced above the charge"),
    "order.zero_price": Text("Item de valor zero", "Item that costs nothing"),
    "order.fraction": Text("Quantidade fracionada", "Fractional quantity"),
    "order.freight": Text("Frete sem campo no ERP", "Freight without a field in the ERP"),
    "order.charge": Text("Pedido sem cobrança do ERP", "Order without an ERP charge"),
    "order.terms": Text("Pedido sem plano de pagamento do ERP", "Order without ERP payment terms"),
    "order.branch": Text("Pedido sem filial", "Order without a branch"),
    "order.reference": Text("Pedido sem referência", "Order without a reference"),
    "order.erp_rejected": Text("Recusado depois de entrar no ERP", "Refused after it entered the ERP"),
    "order.changed_in_shop": Text("Pedido alterado na loja", "Order changed in the shop"),
    "order.cancelled_after_invoice": Text("Cancelado depois de faturado", "Cancelled after the invoice"),
    "order.cancel_while_picking": Text("Cancelado durante a separação", "Cancelled while being picked"),
    "order.cancelled": Text("Cancelado na loja", "Cancelled in the shop"),
    "order.not_cancellable": Text("Cancelamento recusado pela loja", "Cancellation refused by the shop"),
    "order.step_not_offered": Text("Cancelamento a fazer à mão", "Cancellation to be made by hand"),
    "order.step_failing": Text("Etapa do pedido que não passa", "Order step that keeps failing"),
    "order.failing": Text("Etapa do pedido que não passa", "Order step that keeps failing"),
    "order.twice_in_erp": Text("Pedido duas vezes no ERP", "Order twice in the ERP"),
    "order.fate_unknown": Text("Resultado incerto no ERP", "Uncertain in the ERP"),
    "order.unsure": Text("O ERP ainda não diz se tem o pedido", "The ERP does not say yet whether it has the order"),
    "order.not_ready": Text("Pedido ainda não liberado na loja", "Order not released by the shop yet"),
    "order.missing": Text("Pedido que a loja não tem", "Order that the shop lacks"),
    "order.paid_late": Text("Pedido reaberto na loja", "Order reopened in the shop"),
    "order.erp_went_back": Text("Faturamento desfeito no ERP", "Invoice undone in the ERP"),
    "order.handled_elsewhere": Text("Pedido tratado por outro sistema", "Order handled by another system"),
    "order.note_not_published": Text("Nota ainda não publicada", "Note not published yet"),
    "order.unreadable": Text("Dados do pedido ilegíveis", "Unreadable order data"),
    "erp.invoiced": Text("Pedido já faturado no ERP", "Order invoiced in the ERP already"),
    "erp.not_found": Text("Pedido que o ERP não tem", "Order that the ERP lacks"),
    "invoice.refused": Text("Nota não enviada", "Note not sent"),
    "invoice.issuer": Text("Nota de outra empresa", "Note of another company"),
    "invoice.closed": Text("Pedido já faturado por inteiro na loja", "Order fully invoiced in the shop"),
    "invoice.fraction": Text("Quantidade fracionada na nota", "Fractional quantity in the note"),
    "invoice.line": Text("Linha da nota que a loja não tem", "Line of the note that the shop lacks"),
    "change.refused": Text("Alteração recusada pela loja", "Change refused by the shop"),
    "change.fraction": Text("Quantidade fracionada na alteração", "Fractional quantity in the change"),
    "change.cut": Text("Corte que não cabe no pedido da loja", "Cut that does not fit the shop's order"),
    "shipment.large": Text("Envio grande demais para a loja", "Shipment too large for the shop"),
    "shipment.fraction": Text("Quantidade fracionada no envio", "Fractional quantity in the shipment"),
    "shipment.open": Text("Envio que a loja não tem em aberto", "Shipment that is not open in the shop"),
    # platforms, plugins, engate itself
    "forbidden": Text("Falta uma permissão na plataforma", "A permission is missing on the platform"),
    "auth_failed": Text("Credenciais recusadas", "Credentials refused"),
    "rejected": Text("Recusado pela plataforma", "Refused by the platform"),
    "capability_missing": Text("A plataforma não oferece", "Not offered by the platform"),
    "plugin.item": Text("Dado inválido do plugin", "Invalid data from the plugin"),
    "plugin_fault": Text("Falha do plugin", "Plugin failure"),
    "outbox.given_up": Text("Mensagens que ninguém recebe", "Messages that nobody takes"),
    "outbox.broke": Text("Mensagem que não pôde ser montada", "Message that could not be made"),
    "mail.no_server": Text("Servidor de e-mail não configurado", "No mail server"),
    "mail.login": Text("Servidor de e-mail recusa o login", "The mail server refuses the login"),
    "mail.sender": Text("Servidor de e-mail recusa o remetente", "The mail server refuses the sender"),
    "mail.security": Text("Segurança do servidor de e-mail", "Security of the mail server"),
    "mail.address": Text("Endereço de e-mail recusado", "E-mail address refused"),
    "mail.recipient": Text("E-mails não aceitos por ora", "E-mails not accepted for now"),
    "mail.not_taken": Text("E-mails não aceitos por ora", "E-mails not accepted for now"),
    "mail.unanswered": Text("Servidor de e-mail sem resposta", "The mail server does not answer"),
}
"""Why something waits. A plugin uses one of these codes where it fits."""
REFUSED = CAUSES["rejected"]
"""For codes of plugins: all of them mean that the platform refused something."""

VERDICTS: Mapping[str, Text] = {
    "settled": Text("Em dia na loja", "Up to date in the shop"),
    "sells": Text("À venda", "On sale"),
    "not_in_shop": Text("Ainda não está na loja", "Not in the shop yet"),
    "inactive_in_erp": Text("Inativo no ERP", "Inactive in the ERP"),
    "out_of_stock": Text("Sem estoque", "Out of stock"),
    "no_stock": Text("Sem estoque informado", "No stock known"),
    "no_price": Text("Sem preço", "No price"),
    "price_invalid": Text("Preço inválido", "Invalid price"),
    "inactive": Text("Integração inativa", "Integration inactive"),
    "flow_disabled": Text("Carga desligada", "Flow switched off"),
    "not_in_pilot": Text("Fora do piloto", "Not in the pilot"),
    "waiting.parent": Text("Aguardando outro cadastro na loja", "Waiting for something else in the shop"),
    "retrying": Text("Nova tentativa em breve", "Next try soon"),
    "told": Text("Avisado pela loja, ainda não lido", "Told by the shop, not read yet"),
}
"""engate's own words for where a record or an order stands, besides causes and states."""


def cause(code: str) -> Text:
    return CAUSES.get(code, REFUSED)


def verdict(code: str) -> Text:
    """The title of a state, a word of engate's own, or a cause."""
    for known in (VERDICTS, RECORD_STATES, ORDER_STATES):
        if code in known:
            return known[code]
    return cause(code)


def state(known: Mapping[str, Text], code: str) -> Text:
    """A state's title; an unknown state, which a later release may have written, is shown as it is."""
    return known.get(code) or Text(code, code)


def doing(hook: str) -> Text:
    """What a hook does; "": none was called."""
    return HOOKS.get(hook) or (Text(hook, hook) if hook else Text("executar uma etapa", "working on a step"))

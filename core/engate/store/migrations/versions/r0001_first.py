"""The first released schema."""

# pyright: standard

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision: str | None = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "installation",
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_installation"),
    )
    op.create_table(
        "slice_count",
        sa.Column("worker", sa.String(length=60), nullable=False),
        sa.Column("slices", sa.BigInteger(), nullable=False),
        sa.Column("seen_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("worker", name="pk_slice_count"),
    )
    op.create_table(
        "tenant",
        sa.Column("id", ID, nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_tenant"),
        sa.UniqueConstraint("name", name="uq_tenant_name"),
    )
    op.create_table(
        "api_key",
        sa.Column("id", ID, nullable=False),
        sa.Column("tenant_id", ID, nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("role", sa.String(length=10), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("start", sa.String(length=12), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("revoked_at", sa.Double()),
        sa.Column("used_at", sa.Double()),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name="fk_api_key_tenant_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_api_key"),
        sa.UniqueConstraint("hash", name="uq_api_key_hash"),
    )
    op.create_table(
        "connection",
        sa.Column("id", ID, nullable=False),
        sa.Column("tenant_id", ID, nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("platform", sa.String(length=60), nullable=False),
        sa.Column("role", sa.String(length=10), nullable=False),
        sa.Column("settings", sa.JSON(), nullable=False),
        sa.Column("revision", sa.Integer(), server_default="1", nullable=False),
        sa.Column("identity", sa.String(length=300), server_default="", nullable=False),
        sa.Column("checks", sa.JSON()),
        sa.Column("tested_at", sa.Double()),
        sa.Column("passed", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("passed_revision", sa.Integer()),
        sa.Column("health", sa.String(length=20), server_default="ok", nullable=False),
        sa.Column("health_cause", sa.JSON()),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name="fk_connection_tenant_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_connection"),
        sa.UniqueConstraint("tenant_id", "name", name="uq_connection_tenant_id_name"),
    )
    op.create_table(
        "integration",
        sa.Column("id", ID, nullable=False),
        sa.Column("tenant_id", ID, nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("erp_id", ID, nullable=False),
        sa.Column("storefront_id", ID, nullable=False),
        sa.Column("active", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("installed", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column("options", sa.JSON(), nullable=False),
        sa.Column("mapping", sa.JSON(), nullable=False),
        sa.Column("pilot", sa.JSON()),
        sa.Column("revision", sa.Integer(), server_default="1", nullable=False),
        sa.Column("go_live_at", sa.Double()),
        sa.Column("activated_at", sa.Double()),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["erp_id"], ["connection.id"], name="fk_integration_erp_id"),
        sa.ForeignKeyConstraint(["storefront_id"], ["connection.id"], name="fk_integration_storefront_id"),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name="fk_integration_tenant_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_integration"),
        sa.UniqueConstraint("tenant_id", "name", name="uq_integration_tenant_id_name"),
        sa.UniqueConstraint("storefront_id", name="uq_integration_storefront_id"),
    )
    op.create_table(
        "secret",
        sa.Column("connection_id", ID, nullable=False),
        sa.Column("field", sa.String(length=60), nullable=False),
        sa.Column("key_id", sa.String(length=16), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["connection_id"], ["connection.id"], name="fk_secret_connection_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("connection_id", "field", name="pk_secret"),
    )
    op.create_table(
        "token",
        sa.Column("connection_id", ID, nullable=False),
        sa.Column("generation", sa.Integer(), server_default="0", nullable=False),
        sa.Column("sealed", sa.LargeBinary()),
        sa.Column("expires_at", sa.Double()),
        sa.Column("lease", sa.String(length=40)),
        sa.Column("lease_until", sa.Double(), server_default="0", nullable=False),
        sa.ForeignKeyConstraint(["connection_id"], ["connection.id"], name="fk_token_connection_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("connection_id", name="pk_token"),
    )
    op.create_table(
        "cause",
        sa.Column("id", ID, nullable=False),
        sa.Column("tenant_id", ID, nullable=False),
        sa.Column("integration_id", ID, nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("code", sa.String(length=80), nullable=False),
        sa.Column("owner", sa.String(length=12), nullable=False),
        sa.Column("text", sa.JSON(), nullable=False),
        sa.Column("hint", sa.JSON(), nullable=False),
        sa.Column("since", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["integration_id"], ["integration.id"], name="fk_cause_integration_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name="fk_cause_tenant_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_cause"),
        sa.UniqueConstraint("integration_id", "key", name="uq_cause_integration_id_key"),
    )
    op.create_table(
        "inbox",
        sa.Column("id", ID, nullable=False),
        sa.Column("tenant_id", ID, nullable=False),
        sa.Column("integration_id", ID, nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("order_key", sa.String(length=200), nullable=False),
        sa.Column("raw_state", sa.String(length=80), nullable=False),
        sa.Column("received_at", sa.Double(), nullable=False),
        sa.Column("handled_at", sa.Double()),
        sa.ForeignKeyConstraint(["integration_id"], ["integration.id"], name="fk_inbox_integration_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name="fk_inbox_tenant_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_inbox"),
        sa.UniqueConstraint("integration_id", "key", name="uq_inbox_integration_id_key"),
    )
    op.create_index("ix_inbox_order", "inbox", ["integration_id", "order_key"])
    op.create_table(
        "key_index",
        sa.Column("integration_id", ID, nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("target", sa.String(length=200), nullable=False),
        sa.ForeignKeyConstraint(["integration_id"], ["integration.id"], name="fk_key_index_integration_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("integration_id", "key", "kind", "target", name="pk_key_index"),
    )
    op.create_table(
        "lane",
        sa.Column("id", ID, nullable=False),
        sa.Column("tenant_id", ID, nullable=False),
        sa.Column("integration_id", ID, nullable=False),
        sa.Column("name", sa.String(length=230), nullable=False),
        sa.Column("prio", sa.SmallInteger(), nullable=False),
        sa.Column("due_at", sa.Double()),
        sa.Column("not_before", sa.Double(), server_default="0", nullable=False),
        sa.Column("wanted", sa.BigInteger(), server_default="1", nullable=False),
        sa.Column("tries", sa.Integer(), server_default="0", nullable=False),
        sa.Column("lease", sa.String(length=60)),
        sa.Column("lease_until", sa.Double(), server_default="0", nullable=False),
        sa.Column("cancel", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.ForeignKeyConstraint(["integration_id"], ["integration.id"], name="fk_lane_integration_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name="fk_lane_tenant_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_lane"),
        sa.UniqueConstraint("integration_id", "name", name="uq_lane_integration_id_name"),
    )
    op.create_index("ix_lane_due", "lane", ["due_at"])
    op.create_table(
        "link",
        sa.Column("id", ID, nullable=False),
        sa.Column("tenant_id", ID, nullable=False),
        sa.Column("integration_id", ID, nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("remote", sa.String(length=200), nullable=False),
        sa.Column("origin", sa.String(length=10), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["integration_id"], ["integration.id"], name="fk_link_integration_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name="fk_link_tenant_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_link"),
        sa.UniqueConstraint("integration_id", "kind", "key", name="uq_link_integration_id_kind_key"),
    )
    op.create_index("ix_link_remote", "link", ["integration_id", "kind", "remote"])
    op.create_table(
        "reading",
        sa.Column("integration_id", ID, nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("scope", sa.String(length=60), nullable=False),
        sa.Column("watermark", sa.String(length=60)),
        sa.Column("ahead", sa.String(length=60)),
        sa.Column("full", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("only", sa.JSON()),
        sa.Column("cursor", sa.String(length=400)),
        sa.Column("under_way", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("run_id", ID),
        sa.Column("entities", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("started_at", sa.Double()),
        sa.ForeignKeyConstraint(["integration_id"], ["integration.id"], name="fk_reading_integration_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("integration_id", "kind", "scope", name="pk_reading"),
    )
    op.create_table(
        "run",
        sa.Column("id", ID, nullable=False),
        sa.Column("tenant_id", ID, nullable=False),
        sa.Column("integration_id", ID, nullable=False),
        sa.Column("flow", sa.String(length=30), nullable=False),
        sa.Column("trigger", sa.String(length=12), nullable=False),
        sa.Column("full", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("only", sa.JSON()),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("started_at", sa.Double(), nullable=False),
        sa.Column("ended_at", sa.Double()),
        sa.Column("entities", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("changed", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("pushed", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("error", sa.JSON()),
        sa.ForeignKeyConstraint(["integration_id"], ["integration.id"], name="fk_run_integration_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name="fk_run_tenant_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_run"),
    )
    op.create_index("ix_run_integration", "run", ["integration_id", "id"])
    op.create_table(
        "flow",
        sa.Column("integration_id", ID, nullable=False),
        sa.Column("name", sa.String(length=30), nullable=False),
        sa.Column("enabled", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column("every", sa.Double()),
        sa.Column("full_every", sa.Double()),
        sa.Column("read_at", sa.Double()),
        sa.Column("full_at", sa.Double()),
        sa.Column("cause_id", ID),
        sa.ForeignKeyConstraint(["cause_id"], ["cause.id"], name="fk_flow_cause_id", ondelete="SET NULL"),
        sa.ForeignKeyConstraint(["integration_id"], ["integration.id"], name="fk_flow_integration_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("integration_id", "name", name="pk_flow"),
    )
    op.create_table(
        "record",
        sa.Column("id", ID, nullable=False),
        sa.Column("tenant_id", ID, nullable=False),
        sa.Column("integration_id", ID, nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("parent", sa.String(length=200)),
        sa.Column("doc", sa.LargeBinary(), nullable=False),
        sa.Column("want", sa.LargeBinary(), nullable=False),
        sa.Column("have", sa.LargeBinary()),
        sa.Column("have_doc", sa.LargeBinary()),
        sa.Column("sent", sa.LargeBinary()),
        sa.Column("sent_at", sa.Double()),
        sa.Column("answer", sa.String(length=300)),
        sa.Column("answered_at", sa.Double()),
        sa.Column("cause_id", ID),
        sa.Column("tries", sa.Integer(), server_default="0", nullable=False),
        sa.Column("not_before", sa.Double(), server_default="0", nullable=False),
        sa.Column("effective_at", sa.Double()),
        sa.Column("run_id", ID),
        sa.Column("seen", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("read_at", sa.Double(), nullable=False),
        sa.Column(
            "state",
            sa.String(length=10),
            sa.Computed(
                "CASE WHEN sent IS NOT NULL THEN 'sent' WHEN cause_id IS NOT NULL THEN 'waiting' "
                "WHEN have = want THEN 'settled' ELSE 'to_send' END",
                persisted=True,
            ),
        ),
        sa.ForeignKeyConstraint(["cause_id"], ["cause.id"], name="fk_record_cause_id", ondelete="SET NULL"),
        sa.ForeignKeyConstraint(["integration_id"], ["integration.id"], name="fk_record_integration_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name="fk_record_tenant_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_record"),
        sa.UniqueConstraint("integration_id", "kind", "key", name="uq_record_integration_id_kind_key"),
    )
    op.create_index("ix_record_cause", "record", ["cause_id"])
    op.create_index("ix_record_parent", "record", ["integration_id", "kind", "parent"])
    op.create_index("ix_record_run", "record", ["run_id", "state"])
    op.create_index("ix_record_state", "record", ["integration_id", "kind", "state", "id"])
    op.create_table(
        "shop_order",
        sa.Column("id", ID, nullable=False),
        sa.Column("tenant_id", ID, nullable=False),
        sa.Column("integration_id", ID, nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("shop_state", sa.String(length=20), nullable=False),
        sa.Column("raw_state", sa.String(length=80), nullable=False),
        sa.Column("doc", sa.LargeBinary(), nullable=False),
        sa.Column("total", sa.Numeric(precision=14, scale=2), nullable=False),
        sa.Column("was_ready", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("cause_id", ID),
        sa.Column("placed_at", sa.Double(), nullable=False),
        sa.Column("read_at", sa.Double(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("changed_at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["cause_id"], ["cause.id"], name="fk_shop_order_cause_id", ondelete="SET NULL"),
        sa.ForeignKeyConstraint(["integration_id"], ["integration.id"], name="fk_shop_order_integration_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name="fk_shop_order_tenant_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_shop_order"),
        sa.UniqueConstraint("integration_id", "key", name="uq_shop_order_integration_id_key"),
    )
    op.create_index("ix_shop_order_cause", "shop_order", ["cause_id"])
    op.create_index("ix_shop_order_state", "shop_order", ["integration_id", "state"])
    op.create_table(
        "part",
        sa.Column("id", ID, nullable=False),
        sa.Column("tenant_id", ID, nullable=False),
        sa.Column("integration_id", ID, nullable=False),
        sa.Column("order_id", ID, nullable=False),
        sa.Column("no", sa.Integer(), nullable=False),
        sa.Column("reference", sa.String(length=200), nullable=False),
        sa.Column("branch", sa.String(length=60), nullable=False),
        sa.Column("doc", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("erp_key", sa.String(length=100)),
        sa.Column("sending", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("sent_at", sa.Double()),
        sa.Column("attempt", sa.Integer(), server_default="0", nullable=False),
        sa.Column("looks", sa.Integer(), server_default="0", nullable=False),
        sa.Column("erp_state", sa.String(length=20)),
        sa.Column("erp_doc", sa.LargeBinary()),
        sa.Column("handling_sent_at", sa.Double()),
        sa.Column("tracking_sent_at", sa.Double()),
        sa.Column("delivery_sent_at", sa.Double()),
        sa.Column("cancel_sent_at", sa.Double()),
        sa.ForeignKeyConstraint(["integration_id"], ["integration.id"], name="fk_part_integration_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["order_id"], ["shop_order.id"], name="fk_part_order_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name="fk_part_tenant_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_part"),
        sa.UniqueConstraint("order_id", "no", name="uq_part_order_id_no"),
    )
    op.create_index("ix_part_erp_key", "part", ["integration_id", "erp_key"])
    op.create_index("ix_part_reference", "part", ["integration_id", "reference"])
    op.create_table(
        "step",
        sa.Column("id", ID, nullable=False),
        sa.Column("tenant_id", ID, nullable=False),
        sa.Column("integration_id", ID, nullable=False),
        sa.Column("order_id", ID, nullable=False),
        sa.Column("part_no", sa.Integer()),
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("text", sa.JSON(), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["integration_id"], ["integration.id"], name="fk_step_integration_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["order_id"], ["shop_order.id"], name="fk_step_order_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name="fk_step_tenant_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_step"),
    )
    op.create_index("ix_step_order", "step", ["order_id", "id"])
    op.create_table(
        "unit",
        sa.Column("id", ID, nullable=False),
        sa.Column("integration_id", ID, nullable=False),
        sa.Column("order_id", ID, nullable=False),
        sa.Column("sku", sa.String(length=200), nullable=False),
        sa.Column("branch", sa.String(length=60), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("freed_at", sa.Double()),
        sa.ForeignKeyConstraint(["integration_id"], ["integration.id"], name="fk_unit_integration_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["order_id"], ["shop_order.id"], name="fk_unit_order_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_unit"),
    )
    op.create_index("ix_unit_order", "unit", ["order_id"])
    op.create_index("ix_unit_sku", "unit", ["integration_id", "sku"])
    op.create_table(
        "document",
        sa.Column("id", ID, nullable=False),
        sa.Column("tenant_id", ID, nullable=False),
        sa.Column("integration_id", ID, nullable=False),
        sa.Column("order_id", ID, nullable=False),
        sa.Column("part_id", ID, nullable=False),
        sa.Column("key", sa.String(length=60), nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("doc", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("sent_at", sa.Double()),
        sa.ForeignKeyConstraint(["integration_id"], ["integration.id"], name="fk_document_integration_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["order_id"], ["shop_order.id"], name="fk_document_order_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["part_id"], ["part.id"], name="fk_document_part_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name="fk_document_tenant_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_document"),
        sa.UniqueConstraint("part_id", "key", "version", name="uq_document_part_id_key_version"),
    )

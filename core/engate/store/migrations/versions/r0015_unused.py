"""Columns that nobody ever set go: a date before which a record waits, the listing it was last in, the version of a document."""

# pyright: standard

from __future__ import annotations

from alembic import op

revision = "0015"
down_revision: str | None = "0014"


def upgrade() -> None:
    op.drop_column("record", "effective_at")
    op.drop_column("record", "seen")
    if op.get_bind().dialect.name == "sqlite":
        _document_anew()
    else:
        op.drop_constraint("uq_document_part_id_key_version", "document")
        op.drop_column("document", "version")
        op.create_unique_constraint("uq_document_part_id_key", "document", ["part_id", "key"])


def _document_anew() -> None:
    """SQLite cannot drop a constraint of a table."""
    with op.batch_alter_table("document", recreate="always") as table:
        table.drop_constraint("uq_document_part_id_key_version", type_="unique")
        table.drop_column("version")
        table.create_unique_constraint("uq_document_part_id_key", ["part_id", "key"])

"""An ERP that behaves as its switches say."""

"""The goods that an ERP's sandbox sells where people try engate."""

from stdnum import ean
from stdnum.br import cnpj

from engate.testing.assortment import assortment


def test_the_goods_are_the_same_every_time_and_their_numbers_are_valid() -> None:
    seed = assortment(300)
    assert seed == assortment(300)
    skus = [sku for product in seed.products for sku in product.skus]
    assert 300 <= len(skus) <= 302
    assert len({sku.ean for sku in skus}) == len(skus)
    assert all(ean.is_valid(sku.ean) and len(sku.ean) == 13 for sku in skus)
    assert all(cnpj.is_valid(branch.cnpj) for branch in seed.branches)
    assert {len(product.skus) for product in seed.products} == {1, 2, 3}
    assert len({product.name for product in seed.products}) == len(seed.products)
    assert 0 < sum(not product.weight_kg for product in seed.products) < 6
    assert any(product.category is None and not product.weight_kg for product in seed.products)

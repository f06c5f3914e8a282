import gzip
from pathlib import Path

import pytest

from platform_assets.core.errors import RefusedError
from sandbox.shops.real_data import read_rankings

HEADER = "productId,brandName,productName,price,discountRate,date,category\n"


def write(folder: Path, category: str, rows: str) -> None:
    (folder / "musinsa").mkdir(exist_ok=True)
    file = folder / "musinsa" / f"ranking-{category}-6days.csv.gz"
    file.write_bytes(gzip.compress(f"\ufeff{HEADER}{rows}".encode()))


def test_a_product_is_there_from_its_first_day_and_keeps_its_last_price(tmp_path: Path):
    write(tmp_path, "shoes", "1,가,나,900,10,2024120220,shoes\n2,다,라,500,0,2024120320,shoes\n")
    catalogue = read_rankings(tmp_path)
    assert len(catalogue) == 2
    days = [[(p.number, p.discounted) for p in catalogue.on(day)] for day in range(3)]
    assert days == [[(1, 900)], [(1, 900), (2, 500)], [(1, 900), (2, 500)]]


def test_the_price_paid_stands_for_the_original_price_too(tmp_path: Path):
    write(tmp_path, "shoes", "1,가,나,900,10,2024120220,shoes\n")
    (product,) = read_rankings(tmp_path).on(0)
    assert (product.original, product.discounted) == (900, 900)
    assert (product.brand, product.name) == ("가", "나")


def test_of_a_product_in_two_categories_the_first_file_counts(tmp_path: Path):
    write(tmp_path, "pants", "1,가,나,100,0,2024120220,pants\n")
    write(tmp_path, "shoes", "1,가,나,900,0,2024120220,shoes\n")
    assert [product.discounted for product in read_rankings(tmp_path).on(0)] == [100]


def test_a_folder_without_rankings_is_refused(tmp_path: Path):
    with pytest.raises(RefusedError, match="no rankings"):
        read_rankings(tmp_path)

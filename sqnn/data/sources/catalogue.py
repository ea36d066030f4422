"""What each named data set is: its classes, its official files and where they are published."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

# Training images, training labels, test images, test labels: the order of every IDX tuple in this folder.
IDX_FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)
CIFAR_FOLDER = "cifar-10-batches-bin"
CIFAR_FILES = (*(f"data_batch_{part}.bin" for part in range(1, 6)), "test_batch.bin")
CIFAR_ARCHIVE = "cifar-10-binary.tar.gz"

DIGIT_NAMES = tuple(str(digit) for digit in range(10))


@dataclass(frozen=True)
class Source:
    """A published data set: `downloads` maps each file's name at `url` to its MD5 digest."""

    name: str
    summary: str
    classes: tuple[str, ...]
    folders: tuple[str, ...]
    url: str
    downloads: Mapping[str, str]


def _idx_source(
    name: str, capital: str, summary: str, classes: tuple[str, ...], url: str, md5: tuple[str, str, str, str]
) -> Source:
    downloads = {f"{file}.gz": digest for file, digest in zip(IDX_FILES, md5, strict=True)}
    return Source(name, summary, classes, (name, capital), url, MappingProxyType(downloads))


DIGITS_SUMMARY = "1,797 handwritten digits, 8x8 grey, bundled with scikit-learn; no official test set"

MNIST = _idx_source(
    "mnist",
    "MNIST",
    "70,000 handwritten digits, 28x28 grey, 10,000 of them the official test set",
    DIGIT_NAMES,
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    (
        "f68b3c2dcbeaaa9fbdd348bbdeb94873",
        "d53e105ee54ea40749a09fcbcd1e9432",
        "9fb629c4189551a2d022fa330f9573f3",
        "ec29112dd5afa0611ce80d1b7f02629c",
    ),
)
FASHION_MNIST = _idx_source(
    "fashion-mnist",
    "FashionMNIST",
    "70,000 pictures of clothing, 28x28 grey, 10,000 of them the official test set",
    (
        "T-shirt/top",
        "trouser",
        "pullover",
        "dress",
        "coat",
        "sandal",
        "shirt",
        "sneaker",
        "bag",
        "ankle boot",
    ),
    "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    (
        "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
        "25c81989df183df01b3e8a0aad5dffbe",
        "bef4ecab320f06d8554ea6380940ec79",
        "bb300cfdad3c16e7a12a480ee83cd310",
    ),
)
KMNIST = _idx_source(
    "kmnist",
    "KMNIST",
    "70,000 cursive Japanese characters, 28x28 grey, 10,000 of them the official test set",
    ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"),
    "http://codh.rois.ac.jp/kmnist/dataset/kmnist/",
    (
        "bdb82020997e1d708af4cf47b453dcf7",
        "e144d726b3acfaa3e44228e80efcd344",
        "5c965bf0a639b31b8f53240b1b52f4d7",
        "7320c461ea6c1c855c0b718fb2a4b134",
    ),
)
CIFAR10 = Source(
    "cifar10",
    "60,000 colour photographs of ten kinds of thing, 32x32, 10,000 of them the official test set",
    ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"),
    ("cifar10", "CIFAR10"),
    "https://www.cs.toronto.edu/~kriz/",
    MappingProxyType({CIFAR_ARCHIVE: "c32a1d4ab5d03f1284b67883e8d87530"}),
)

SOURCES: Mapping[str, Source] = MappingProxyType(
    {source.name: source for source in (MNIST, FASHION_MNIST, KMNIST, CIFAR10)}
)
DATASETS: Mapping[str, str] = MappingProxyType(
    {"digits": DIGITS_SUMMARY, **{name: source.summary for name, source in SOURCES.items()}}
)

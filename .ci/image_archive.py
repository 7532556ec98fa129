"""Says what is in an image archive, and puts the image's bill of materials beside it.

    python3 image_archive.py ARCHIVE SBOM

Reads what `docker save` and `buildah push … docker-archive:` write; needs no builder.
"""

import json
import pathlib
import sys
import tarfile
import zlib
from concurrent.futures import ThreadPoolExecutor

INSIDE = "opt/edge/sbom.json"
CHUNK_BYTES = 1 << 20
GZIP = b"\x1f\x8b"


def layers_of(archive: tarfile.TarFile) -> list[str]:
    """The layers' members, lowest first."""
    manifest = archive.extractfile("manifest.json")
    assert manifest is not None
    return [str(layer) for layer in json.load(manifest)[0]["Layers"]]


def compressed_bytes(path: pathlib.Path, layer: str) -> int:
    """What a registry would store and a node would pull of a layer: its size after gzip."""
    packer, size = zlib.compressobj(6, wbits=31), 0
    with tarfile.open(path) as archive:
        content = archive.extractfile(layer)
        assert content is not None
        if content.read(2) == GZIP:
            return archive.getmember(layer).size
        content.seek(0)
        while chunk := content.read(CHUNK_BYTES):
            size += len(packer.compress(chunk))
    return size + len(packer.flush())


def bill_of(path: pathlib.Path) -> bytes:
    """The bill of materials, which the top layer holds."""
    with tarfile.open(path) as archive:
        top = archive.extractfile(layers_of(archive)[-1])
        with tarfile.open(fileobj=top) as layer:
            bill = layer.extractfile(INSIDE)
            assert bill is not None
            return bill.read()


def main(path: pathlib.Path, sbom: pathlib.Path) -> None:
    """Write the bill, print one line for each part."""
    sbom.write_bytes(bill_of(path))
    with tarfile.open(path) as archive:
        layers = layers_of(archive)
    with ThreadPoolExecutor() as pool:
        sizes = list(pool.map(lambda layer: compressed_bytes(path, layer), layers))
    for layer, size in zip(layers, sizes, strict=True):
        print(f"  layer {layer.removesuffix('.tar')[-64:][:12]}: {size / 1e6:.1f} MB compressed")
    count = len(json.loads(sbom.read_bytes())["components"])
    print(f"{path}: {sum(sizes) / 1e6:.1f} MB compressed")
    print(f"{sbom}: {count} components")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))

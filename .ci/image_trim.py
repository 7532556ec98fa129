"""Makes the environment of the image small, quick to start and reproducible; the Containerfile runs it, last of all.

    python3 image_trim.py ENVIRONMENT

Removes what a node never reads, compiles the rest into ENVIRONMENT/pycache, and gives every file one time,
SOURCE_DATE_EPOCH.
"""

import compileall
import os
import pathlib
import py_compile
import shutil
import sys
import sysconfig

# Below site-packages. The asyncio client of `kubernetes` has models and calls of its own, and imports the packages
# but none of the modules of the other's; the other backend of `zstandard` is for PyPy; sources of compiled modules
# and stubs are for those who build.
NEEDLESS = (
    "kubernetes/client/api/[!_]*",
    "kubernetes/client/models/[!_]*",
    "zstandard/_cffi*.so",
    "**/*.c",
    "**/*.cpp",
    "**/*.h",
    "**/*.pxd",
    "**/*.pyi",
    "**/*.pyx",
    "**/tests",
)
# Of the standard library: nothing that a node or a command of it imports.
NOT_COMPILED = {
    "dist-packages",
    "ensurepip",
    "idlelib",
    "lib2to3",
    "pydoc_data",
    "site-packages",
    "test",
    "tkinter",
    "turtledemo",
}


def remove(path: pathlib.Path) -> None:
    """A file or a directory with all that is in it."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


def trim(environment: pathlib.Path, packages: pathlib.Path) -> None:
    """Remove what is not read at run time."""
    for pattern in NEEDLESS:
        for path in sorted(packages.glob(pattern)):
            remove(path)
    for path in sorted(environment.glob("bin/*")):
        if path.name != "edge" and not path.name.startswith("python"):
            remove(path)


def compile_all(directory: pathlib.Path) -> None:
    """Write byte code that is not compared with its source: the times of files in an image say nothing.

    One file after another: what was compiled before decides how the next one's constants are written.
    """
    mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
    for path in sorted(directory.iterdir()):
        if path.name in NOT_COMPILED:
            continue
        if path.is_dir():
            good = compileall.compile_dir(path, quiet=1, invalidation_mode=mode)
        else:
            good = path.suffix != ".py" or compileall.compile_file(path, quiet=1, invalidation_mode=mode)
        if not good:
            sys.exit(f"{path} does not compile")


def stamp(directory: pathlib.Path, epoch_s: int) -> None:
    """One time for every file."""
    for path in [directory, *directory.rglob("*")]:
        os.utime(path, (epoch_s, epoch_s), follow_symlinks=False)


def main(environment: pathlib.Path) -> None:
    """All of it, in order."""
    packages = pathlib.Path(sysconfig.get_path("purelib"))
    trim(environment, packages)
    sys.pycache_prefix = str(environment / "pycache")
    for directory in (pathlib.Path(sysconfig.get_path("stdlib")), packages):
        compile_all(directory)
    stamp(environment, int(os.environ["SOURCE_DATE_EPOCH"]))


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))

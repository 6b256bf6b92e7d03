"""Lays a Go module out as a proxy of plain files, as `GOPROXY=file://…` reads it.

    goproxy.py bindings-go target/packages/goproxy

The version is the workspace's. The Rust side of the module, nested modules and build output are left out.
Beside each static library the zip gets a Go constant with the library's checksum: Go's build cache looks
at Go files only, and would go on linking the last build's library.
"""

import hashlib
import json
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

LEFT_OUT_FOLDERS = {"ffi", "src", "target", "vendor", "node_modules", "__pycache__"}
LEFT_OUT_SUFFIXES = {".rs"}
LEFT_OUT_NAMES = {"Cargo.toml", "Cargo.lock", "cbindgen.toml"}
LONG_AGO = (2026, 1, 1, 0, 0, 0)


def files(folder: Path) -> Iterator[Path]:
    """The files of the module, sorted."""
    for path in sorted(folder.iterdir()):
        if path.name.startswith("."):
            continue
        if path.is_dir():
            if path.name not in LEFT_OUT_FOLDERS and not (path / "go.mod").exists():
                yield from files(path)
        elif path.suffix not in LEFT_OUT_SUFFIXES and path.name not in LEFT_OUT_NAMES:
            yield path


def module_name(go_mod: str) -> str:
    for line in go_mod.splitlines():
        if line.startswith("module "):
            return line.removeprefix("module ").strip()
    sys.exit("go.mod names no module")


def package_clause(folder: Path) -> str:
    """The `package x` line of the Go files in this folder."""
    for path in sorted(folder.glob("*.go")):
        for line in path.read_text().splitlines():
            if line.startswith("package "):
                return line
    sys.exit(f"{folder} has a library but no Go file, so `go mod vendor` would leave it out")


def stamp(library: Path) -> str:
    digest = hashlib.sha256(library.read_bytes()).hexdigest()
    return (
        "// Code generated when the module is packaged. DO NOT EDIT.\n\n"
        f"{package_clause(library.parent)}\n\n"
        "// Checksum is the SHA-256 of the library in this folder.\n"
        f'const Checksum = "{digest}"\n'
    )


def write_zip(target: Path, root: Path, prefix: str) -> None:
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as out:

        def add(path: Path, data: bytes) -> None:
            entry = zipfile.ZipInfo(f"{prefix}/{path.relative_to(root).as_posix()}", LONG_AGO)
            entry.compress_type = zipfile.ZIP_DEFLATED
            out.writestr(entry, data)

        for path in files(root):
            add(path, path.read_bytes())
            if path.suffix == ".a":
                add(path.parent / "checksum.go", stamp(path).encode())


def main() -> None:
    root, proxy = Path(sys.argv[1]), Path(sys.argv[2])
    version = "v" + tomllib.loads(Path("Cargo.toml").read_text())["workspace"]["package"]["version"]
    go_mod = (root / "go.mod").read_text()
    name = module_name(go_mod)
    if name != name.lower():
        sys.exit(f"{name}: capital letters need escaping in a proxy")
    folder = proxy / name / "@v"
    folder.mkdir(parents=True)
    (folder / "list").write_text(version + "\n")
    (folder / f"{version}.info").write_text(json.dumps({"Version": version, "Time": "2026-01-01T00:00:00Z"}))
    (folder / f"{version}.mod").write_text(go_mod)
    write_zip(folder / f"{version}.zip", root, f"{name}@{version}")
    print(f"{name} {version}: {(folder / f'{version}.zip').stat().st_size >> 10} KiB")


if __name__ == "__main__":
    main()

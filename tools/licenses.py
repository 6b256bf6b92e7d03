"""Checks the licence of every crate we build with against the lists of deny.toml.

The small stand-in for `cargo deny check licenses sources` where cargo-deny is not installed: it reads the
same file, understands OR, AND, WITH and parentheses, and knows nothing of licence texts.
"""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path


def tokens(expression: str) -> list[str]:
    """The words of an SPDX expression; the old `A/B` is `A OR B`, and `A WITH B` is one word."""
    expression = expression.replace("/", " OR ")
    expression = re.sub(r"(\S+)\s+WITH\s+([^\s()]+)", r"\1~WITH~\2", expression)
    return re.findall(r"[()]|[^\s()]+", expression)


def is_allowed(expression: str, allowed: set[str]) -> bool:
    """Whether the allowed licences are enough for this expression. AND binds closer than OR."""
    words = tokens(expression)

    def either() -> bool:
        result = both()
        while words and words[0] == "OR":
            words.pop(0)
            result = both() or result
        return result

    def both() -> bool:
        result = one()
        while words and words[0] == "AND":
            words.pop(0)
            result = one() and result
        return result

    def one() -> bool:
        word = words.pop(0)
        if word == "(":
            result = either()
            words.pop(0)
            return result
        return word.replace("~", " ").removesuffix("+") in allowed

    return either()


def problems(package: dict[str, str | None], allow: set[str], exceptions: dict[str, set[str]]) -> list[str]:
    name = f"{package['name']} {package['version']}"
    found = []
    licence = package["license"]
    allowed = allow | exceptions.get(package["name"] or "", set())
    if not licence:
        found.append(f"{name}: names no licence")
    elif not is_allowed(licence, allowed):
        found.append(f"{name}: {licence} is not allowed by deny.toml")
    source = package["source"]
    if source is not None and not source.startswith("registry+"):
        found.append(f"{name}: comes from {source}, not from the standard registry")
    return found


def main() -> None:
    settings = tomllib.loads(Path("deny.toml").read_text())["licenses"]
    allow = set(settings["allow"])
    exceptions = {entry["crate"]: set(entry["allow"]) for entry in settings.get("exceptions", [])}
    command = ["cargo", "metadata", "--format-version", "1", "--all-features"]
    metadata = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    found = [line for package in metadata["packages"] for line in problems(package, allow, exceptions)]
    for line in found:
        print(line)
    print(f"{len(metadata['packages'])} crates, {len(found)} problems")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()

"""What the documentation shows, runs; and everything has some."""

import ast
import asyncio
import inspect
import re
from importlib.metadata import metadata
from pathlib import Path

import ponos
import pytest
from ponos import codec, error, log, opening, runtime, stream

PUBLIC = {name: getattr(ponos, name) for name in [*ponos.__all__, "open", "TimeoutError"]}
MEMBERS = {
    f"{name}.{each}": member
    for name, owner in PUBLIC.items()
    if isinstance(owner, type)
    for each, member in inspect.getmembers(owner)
    if not each.startswith("_") and (callable(member) or inspect.isdatadescriptor(member))
}


def examples():
    for name, thing in {"ponos": ponos, **PUBLIC, **MEMBERS}.items():
        text = inspect.getdoc(thing) or ""
        blocks = re.findall(r"(?m)(?<=\n\n)(?: {4}.*\n?|\n)+", text + "\n")
        if blocks:
            yield pytest.param(inspect.cleandoc("\n" + "".join(blocks)), id=name)


@pytest.mark.parametrize("program", [*examples()])
def test_an_example_runs(program):
    code = compile(program, "example", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    done = eval(code, {"ponos": ponos, "asyncio": asyncio})
    if inspect.iscoroutine(done):
        asyncio.run(asyncio.wait_for(done, 10))


def test_the_readme_runs(python):
    readme = metadata("ponos").get_payload()
    program = re.search(r"```python\n(.*?)```", str(readme), re.DOTALL)
    assert program is not None
    done = python(program[1])
    assert (done.stdout, done.stderr) == ("64000\nbtc 64000 1\n", "")


def test_the_main_ones_have_an_example():
    wanted = {"ponos", "open", "Txn", "Client.map"}
    wanted |= {f"Map.{name}" for name in ["get", "set", "incr", "list_append", "watch", "snapshot"]}
    wanted |= {"Client.stream", "Client.scope", "Delivery.ack_with", "Step.commit", "merge"}
    wanted |= {f"Stream.{name}" for name in ["publish", "publish_batch", "reader", "request", "sink"]}
    assert wanted <= {example.id for example in examples()}


def test_everything_public_is_documented():
    silent = [name for name, thing in {**PUBLIC, **MEMBERS}.items() if not inspect.getdoc(thing)]
    assert [name for name in silent if not hasattr(OSError, name.split(".")[-1])] == []
    for module in (ponos, codec, error, log, opening, runtime, stream):
        assert module.__doc__


def test_the_package_has_its_types():
    assert Path(ponos.__file__).with_name("py.typed").exists()
    assert Path(ponos.__file__).with_name("_ponos.pyi").exists()


def test_a_star_import_hides_no_builtins():
    assert {"open", "json", "TimeoutError"}.isdisjoint(ponos.__all__)
    assert all(hasattr(ponos, name) for name in ponos.__all__)

"""Every story runs on both event loops and has an engine of its own."""

import asyncio
import itertools
import subprocess
import sys
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
import uvloop

Story = Coroutine[Any, Any, Any]
_numbers = itertools.count()


@pytest.fixture(params=["asyncio", "uvloop"])
def new_loop(request: pytest.FixtureRequest) -> Callable[[], asyncio.AbstractEventLoop]:
    return asyncio.new_event_loop if request.param == "asyncio" else uvloop.new_event_loop


@pytest.fixture
def run(new_loop: Callable[[], asyncio.AbstractEventLoop]) -> Callable[[Story], Any]:
    def play(story: Story) -> Any:
        with asyncio.Runner(loop_factory=new_loop) as runner:
            return runner.run(asyncio.wait_for(story, 30))

    return play


@pytest.fixture
def url() -> str:
    return f"memory://test-{next(_numbers)}"


@pytest.fixture
def python() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs a program in an interpreter of its own."""

    def program(text: str, *arguments: str, timeout: float = 30) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-X", "faulthandler", "-c", text, *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)

    return program

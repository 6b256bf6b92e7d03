"""Prints the public names of the installed package, one a line: functions, and members as `Class.member`."""

import inspect

import ponos

#: What every class has, or what a class of values (all of whose fields are its operation's result) has.
CLASSES = [ponos.Client, ponos.Map, ponos.Snapshot, ponos.Txn, ponos.Watch]
CLASSES += [
    ponos.Scope,
    ponos.Stream,
    ponos.Reader,
    ponos.MergedReader,
    ponos.Sink,
    ponos.Delivery,
    ponos.Step,
]
#: Special methods that are how one calls an operation.
SPECIAL = {"__aenter__", "__aexit__", "__aiter__", "__anext__", "__contains__", "__enter__", "__exit__"}
SPECIAL |= {"__getitem__", "__iter__", "__len__", "__reversed__"}

for name in sorted({*ponos.__all__, "open", "json"}):
    if not inspect.isclass(getattr(ponos, name)):
        print(name)
for cls in CLASSES:
    for name in sorted(dir(cls)):
        if name in SPECIAL or not name.startswith("_"):
            print(f"{cls.__name__}.{name}")

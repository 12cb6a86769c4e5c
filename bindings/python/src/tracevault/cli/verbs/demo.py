"""``tracevault demo``: the product in a minute, from the installed package alone."""

from __future__ import annotations

import time
from pathlib import Path

import click

from .. import out
from ..demo import standin, tour
from ..exits import Exit
from ..failures import Failed
from ..group import NOBODY, verb
from ..option import option
from ..options import Options


@verb("demo", idle=NOBODY, examples=("tracevault demo", "tracevault demo --dir tour"))
@option(
    "--dir",
    "folder",
    default="tracevault-demo",
    metavar="FOLDER",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where its files go.",
)
@option("--serve", is_flag=True, help="No tour: serve until Ctrl-C, to try things yourself.")
@click.pass_obj
def demo(options: Options, folder: Path, serve: bool) -> None:
    """Show what the command does, with invented mail of five accounts; asks nobody outside.

    Starts a stand-in for Cloudflare on loopback and makes FOLDER with a vault, its key file, a
    configuration file and an HTML page. With --serve it goes on until Ctrl-C, and other terminals
    may use it: the first lines say how. The next demo of FOLDER has the same port if it is free,
    so that a vault of your own works on.
    """
    options.output("table", "json")
    port = tour.port_before(folder)
    with (
        standin.serving(port=port) as (origin, served),
        tour.prepared(folder, origin, served) as scene,
    ):
        if serve:
            _serve(scene)
            return
        code = tour.play(scene)
        if code != 0:
            raise Failed(Exit(code) if code in set(Exit) else Exit.OTHER)
        out.line(f"The page of the hunt: {scene.page.as_uri()}")
        out.line(f"To try it yourself: tracevault demo --serve{_dir(folder)}")


def _serve(scene: tour.Scene) -> None:
    out.line("A stand-in for Cloudflare serves until Ctrl-C. In another terminal:")
    for line in tour.try_these(scene):
        out.line(f"  {line}")
    try:
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        out.note("the stand-in has ended")


def _dir(folder: Path) -> str:
    return "" if str(folder) == "tracevault-demo" else f" --dir {folder}"

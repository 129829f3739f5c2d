"""Command line of the model server; prints its base URL once it accepts requests."""

from __future__ import annotations

import socket
from pathlib import Path

import click
import uvicorn

from dagster_project.model_server.app import build_app
from dagster_project.model_server.fable_model import load_or_train
from dagster_project.settings import CACHE


@click.command()
@click.option("--port", default=0, show_default="a free one", help="Port on 127.0.0.1.")
@click.option("--cache", type=click.Path(path_type=Path), default=CACHE, help="Folder of the trained weights.")
@click.option("--stand-in-for", multiple=True, help="Model id that is answered by the fable model too.")
def main(port: int, cache: Path, stand_in_for: tuple[str, ...]) -> None:
    """Serve the fable model on this machine over OpenAI's chat completions API."""
    model = load_or_train(cache)
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen(64)
        # The socket queues requests from here on, so the line below is true when it is read.
        print(f"http://127.0.0.1:{listener.getsockname()[1]}/v1", flush=True)
        config = uvicorn.Config(build_app(model, frozenset(stand_in_for)), log_level="warning")
        uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main()

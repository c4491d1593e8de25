"""One worker process without Faust, for the bench, the chaos harness and the tests.

    python -m streams.bench.serve '{"brokers": ..., "app_id": ..., "processor": "streams.bench.tally:job"}'

Ends on SIGTERM or SIGINT; exit code as the fault says, its message on stderr.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys

import uvloop

from streams.errors import LeadlaneError
from streams.lane.job import LaneSettings, load_job
from streams.lane.worker import Worker
from streams.logs import set_up_logging


async def serve(worker: Worker) -> None:
    """Run until a signal asks for the end."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, worker.stop)
    await worker.run()


def main() -> int:
    options = json.loads(sys.argv[1])
    set_up_logging(options.pop("log", "INFO"))
    processor = options.pop("processor")
    settings = LaneSettings(**options)
    try:
        uvloop.run(serve(Worker(settings, load_job(processor, settings))))
    except LeadlaneError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())

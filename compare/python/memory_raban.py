"""What stays resident after the first records, sent as `load_raban.py` does, and after all."""

from __future__ import annotations

import json

from load import Workload, status_kib
from load_raban import connect


def main() -> None:
    work = Workload.parse()
    client = connect(work)
    resident = []
    for records in (work.warmup, work.records):
        for share in work.shares(records):
            client.send(share)
        resident.append(status_kib("VmRSS"))
    client.close()
    print(json.dumps(resident))


if __name__ == "__main__":
    main()

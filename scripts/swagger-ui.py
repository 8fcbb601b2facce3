#!/usr/bin/env python3
"""Fetches Swagger UI for the page `/docs`: src/http/openapi/ui/swagger-ui*.gz, and its licence.

    scripts/swagger-ui.py

Takes the published package from npm (npm checks it), nothing else; packs the two files that the page
needs so that the same input makes the same bytes.
"""

import gzip
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

VERSION = "5.35.0"
ROOT = Path(__file__).resolve().parent.parent
UI = ROOT / "src/http/openapi/ui"


def main():
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            ["npm", "pack", "--silent", f"swagger-ui-dist@{VERSION}"],
            cwd=folder,
            check=True,
            stdout=subprocess.DEVNULL,
        )
        package = next(Path(folder).glob("*.tgz"))
        with tarfile.open(package) as archive:
            archive.extractall(folder, filter="data")
        unpacked = Path(folder) / "package"
        for name in ("swagger-ui-bundle.js", "swagger-ui.css"):
            content = (unpacked / name).read_bytes()
            # A link to a map that is not there makes browsers ask for it.
            content = content.split(b"\n//# sourceMappingURL=")[0]
            content = content.split(b"\n/*# sourceMappingURL=")[0]
            with open(UI / f"{name}.gz", "wb") as file:
                file.write(gzip.compress(content, 9, mtime=0))
        licences = ROOT / "LICENSES"
        shutil.copy(unpacked / "LICENSE", licences / "swagger-ui.txt")
        shutil.copy(unpacked / "NOTICE", licences / "swagger-ui-NOTICE.txt")
        shutil.copy(
            unpacked / "swagger-ui-bundle.js.LICENSE.txt", licences / "swagger-ui-bundle.txt"
        )


main()

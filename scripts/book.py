"""Hook of mkdocs.yml: pages may link to files of the repository; the book brings those along.

A link such as `../configs/elections.json` leads somewhere in the repository's own view. In the book
the file lies under `files/`, with `.txt` behind its name, so that every browser shows it.
"""

import re
from pathlib import Path, PurePosixPath

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

LINK = re.compile(r"\]\(((?:\.\./)+)([^)#]+)\)")


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """The page with links out of `docs/` turned to copies inside the book."""
    root, folder = Path(config.docs_dir).parent, PurePosixPath(page.file.src_uri).parent
    depth = len(folder.parts)

    def inside(found: re.Match[str]) -> str:
        ups, target = found[1].count("../"), found[2]
        if ups != depth + 1 or not (root / target).is_file():
            return found[0]  # a page of the book; what leads nowhere the strict build tells
        copy = f"files/{target}.txt"
        if files.get_file_from_path(copy) is None:
            files.append(File.generated(config, copy, abs_src_path=str(root / target)))
        return f"]({'../' * depth}{copy})"

    return LINK.sub(inside, markdown)

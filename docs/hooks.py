"""What mkdocs does to pages beyond its extensions."""

import re
from typing import Any


def on_page_content(html: str, page: Any, **_: Any) -> str:
    """Keeps options such as --quick in one piece where commands of the first page's table are broken into lines."""
    if page.file.src_uri != "index.md":
        return html
    before, table, after = re.split(r'(<div class="verbs">.*?</div>)', html, maxsplit=1, flags=re.DOTALL)
    return before + re.sub(r"--[a-z-]+", r'<span class="option">\g<0></span>', table) + after

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""templates/functiongraph/ as a C table: templates.py DIR OUT. One <name>.json says what the code beside it is for."""
import json
import pathlib
import sys
import uuid


def literal(text):
    """As a C string, in lines that compilers take."""
    escaped = "".join(f"\\{b:03o}" if b < 32 or b > 126 or b in b'"\\?' else chr(b) for b in text.encode())
    parts, line = [], ""
    for c in escaped:
        if len(line) > 90 and c == "\\":
            parts.append(line)
            line = ""
        line += c
    return "\n".join(f'         "{p}"' for p in parts + [line])


def answer(path):
    said = json.loads(path.read_text())
    code = next(p for p in path.parent.iterdir() if p.stem == path.stem and p.suffix != ".json").read_text()
    return {"id": str(uuid.uuid5(uuid.NAMESPACE_URL, "evoke:functiongraph:" + path.stem)), "type": 1, "title": said["title"],
            "template_name": path.stem, "description": said["description"], "runtime": said["runtime"], "handler": said["handler"],
            "code_type": "inline", "code": code, "timeout": said["timeout"], "memory_size": said["memory_size"],
            "trigger_metadata_list": said["triggers"],
            "temp_detail": {"input": json.dumps(said["input"]), "output": said["output"], "warning": ""},
            "user_data": "", "encrypted_user_data": "", "dependencies": [], "scene": said["scene"], "service": said["service"]}


def main(folder, out):
    rows = []
    for path in sorted(pathlib.Path(folder).glob("*.json")):
        a = answer(path)
        rows.append("        {" + ", ".join(json.dumps(a[k]) for k in ("id", "runtime", "scene", "service")) + ",\n"
                    + literal(json.dumps(a, ensure_ascii=False)) + "},\n")
    pathlib.Path(out).write_text("/* made by tools/templates.py */\n#include \"dialect/functiongraph/api/template.h\"\n\n"
                                 "const struct fg_template fg_templates[] = {\n" + "".join(rows) + "};\n"
                                 f"const size_t fg_templates_n = {len(rows)};\n")


main(*sys.argv[1:])

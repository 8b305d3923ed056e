# -*- coding: utf-8 -*-
from urllib.parse import unquote_plus


def handler(event, context):
    """Tells of each object of a bucket that came or went."""
    seen = []
    for record in event.get("Records", []):
        s3 = record["s3"]
        seen.append({"event": record["eventName"], "bucket": s3["bucket"]["name"],
                     "key": unquote_plus(s3["object"]["key"]), "size": s3["object"].get("size")})
    return {"objects": seen}

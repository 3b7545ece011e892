"""What python-evtx reads in a log: record number, event id and second, a line each."""

import sys
import xml.etree.ElementTree as XML

import Evtx.Evtx

SYSTEM = "{http://schemas.microsoft.com/win/2004/08/events/event}System/"
NAMESPACE = SYSTEM[: SYSTEM.index("}") + 1]


def records(chunk):
    try:
        yield from chunk.records()
    except Exception:  # a damaged chunk: what came before counts
        return


with Evtx.Evtx.Evtx(sys.argv[1]) as log:
    # the header of a log that was in use counts fewer chunks than there are
    header = log.get_file_header()
    for record in (record for chunk in header.chunks(include_inactive=True) for record in records(chunk)):
        try:
            event = XML.fromstring(record.xml())
        except Exception:  # a damaged record: the library raises whatever it stumbles over
            continue
        number = event.findtext(SYSTEM + NAMESPACE + "EventRecordID")
        event_id = event.findtext(SYSTEM + NAMESPACE + "EventID")
        created = event.find(SYSTEM + NAMESPACE + "TimeCreated").get("SystemTime")
        print(number, event_id, created[:10] + "T" + created[11:19], sep="\t")

import csv
import os


def load_people():
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "people.csv")
    with open(path, newline="", encoding="utf-8") as f:
        return {row["id"]: row["name"] for row in csv.DictReader(f)}

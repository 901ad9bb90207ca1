import unittest
from pathlib import Path

from tools.blocks import Unbalanced, read, read_folder
from tools.inventory import as_csv, by_kind, dangling, items, send

ROOT = Path(__file__).resolve().parent.parent


def all_blocks():
    return [block for folder in ("azure", "google") for block in read_folder(ROOT / folder)]


class Blocks(unittest.TestCase):
    def test_nested_blocks_and_values_of_many_lines(self):
        (block,) = read('resource "a" "b" {\n  x = [\n    1,\n  ]\n  inner {\n    y = "z" # why\n  }\n}\n')
        self.assertEqual((block.address, block.attributes["x"]), ("a.b", "[ 1, ]"))
        self.assertEqual(block.nested("inner")[0].text("y"), "z")

    def test_what_does_not_end_is_said(self):
        with self.assertRaises(Unbalanced):
            read('resource "a" "b" {\n')


class Platform(unittest.TestCase):
    def test_every_resource_refers_to_what_is_there(self):
        self.assertEqual(dangling(all_blocks()), [])

    def test_every_address_is_there_once(self):
        addresses = [b.address for b in all_blocks() if b.kind == "resource"]
        self.assertEqual(len(addresses), len(set(addresses)))

    def test_the_inventory_counts_what_keeps_something(self):
        found = items(all_blocks())
        self.assertEqual(by_kind(found)["object store"], 4)
        self.assertTrue(all(i.place or i.what in ("database", "warehouse") for i in found))
        self.assertIn("google_storage_bucket.images,object store,EU,main.tf", as_csv(found))
        self.assertEqual(send(found, {"email": "finance@meridian.example"}), len(found))


class Deploy(unittest.TestCase):
    def test_images_come_from_our_registry(self):
        for path in sorted((ROOT / "deploy").glob("*.yaml")):
            images = [line.split("image:")[1].strip() for line in path.read_text().splitlines() if "image:" in line]
            self.assertTrue(images)
            self.assertTrue(all(image.startswith("registry.meridian.example/") for image in images), path)

    def test_the_image_has_what_its_entry_point_reads(self):
        lines = (ROOT / "Dockerfile").read_text().splitlines()
        copied = {line.split()[1].rstrip("/") for line in lines if line.startswith("COPY ")}
        self.assertEqual(copied, {"tools", "azure", "google"})

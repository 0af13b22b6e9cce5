"""Files and images (FACTS section 5): fetched by the platform itself, ready some time after they were sent."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from engate_shopify_sandbox.context import Context
from engate_shopify_sandbox.errors import Invalid, user_error
from engate_shopify_sandbox.paging import page
from engate_shopify_sandbox.registry import Answers, field, mutation, query
from engate_shopify_sandbox.search import matcher
from engate_shopify_sandbox.shop import Shop
from engate_shopify_sandbox.things import File, Product

CDN = "https://cdn.shopify.com/s/files/1/0001/0001/files/"
NO_HOST = ".invalid"
"""An address of such a host (RFC 2606) cannot be fetched: its file ends FAILED."""
MOST = 250  # files of a product
ALT = 512


def filename_of(source: str) -> str:
    return urlsplit(source).path.rpartition("/")[2] or "image"


def create(shop: Shop, given: dict[str, Any], at: list[str]) -> File:
    """A new file; with a filename and REPLACE, the one that has this name already is fetched again."""
    source = given.get("originalSource") or ""
    name, mode = given.get("filename"), given.get("duplicateResolutionMode", "APPEND_UUID")
    if not source.startswith(("http://", "https://")):
        raise Invalid(user_error([*at, "originalSource"], "Image URL is invalid", "INVALID"))
    if len(given.get("alt") or "") > ALT:
        raise Invalid(user_error([*at, "alt"], "The alt value exceeds the maximum limit of 512 characters.", "ALT_VALUE_LIMIT_EXCEEDED"))
    if mode == "REPLACE" and not name:
        message = "Missing filename argument when attempting to use REPLACE duplicate mode."
        raise Invalid(user_error([*at, "filename"], message, "MISSING_FILENAME_FOR_DUPLICATE_MODE_REPLACE"))
    held = shop.filenames.get(name) if name else None
    if held is not None and mode == "RAISE_ERROR":
        raise Invalid(user_error([*at, "filename"], "A file with this name already exists.", "FILENAME_ALREADY_EXISTS"))
    if held is not None and mode == "REPLACE":
        held.source, held.looks = source, 0
        held.sent_at = held.updated_at = shop.now()
        held.alt = given.get("alt", held.alt)
        return held
    key = shop.new_id("MediaImage")
    unique = name if name and held is None else f"{key.rpartition('/')[2]}_{name or filename_of(source)}"
    shop.filenames[unique] = made = shop.add(File(key, source, given.get("alt"), unique, shop.now()))
    return made


def attach(product: Product, file: File) -> None:
    if file not in product.media:
        product.media.append(file)


def status(shop: Shop, file: File) -> str:
    """UPLOADED, PROCESSING, then READY or FAILED: after so many looks, or so long."""
    settings = shop.settings
    late = shop.now() >= file.sent_at + timedelta(seconds=settings.media_seconds)
    if file.looks < settings.media_polls and not late:
        return "UPLOADED" if file.looks == 0 else "PROCESSING"
    return "FAILED" if (urlsplit(file.source).hostname or "").endswith(NO_HOST) else "READY"


@field("MediaImage.fileStatus", "MediaImage.status")
def file_status(context: Context, source: File, args: dict[str, Any]) -> str:
    del args
    now = status(context.shop, source)
    source.looks += 1
    return now


@field("MediaImage.image")
def image(context: Context, source: File, args: dict[str, Any]) -> dict[str, Any] | None:
    del args
    if status(context.shop, source) != "READY":
        return None
    return {"id": source.id.replace("MediaImage", "ImageSource"), "url": CDN + source.filename, "altText": source.alt, "width": 800,
            "height": 800}  # fmt: skip


@field("MediaImage.preview")
def preview(context: Context, source: File, args: dict[str, Any]) -> dict[str, Any]:
    return {"image": image(context, source, args), "status": status(context.shop, source)}


@field("MediaImage.fileErrors", "MediaImage.mediaErrors")
def file_errors(context: Context, source: File, args: dict[str, Any]) -> list[dict[str, Any]]:
    del args
    if status(context.shop, source) != "FAILED":
        return []
    return [{"code": "IMAGE_DOWNLOAD_FAILURE", "message": "The image could not be downloaded.", "details": source.source}]


@field("MediaImage.mediaWarnings")
def media_warnings(context: Context, source: File, args: dict[str, Any]) -> list[Any]:
    del context, source, args
    return []


@field("MediaImage.mimeType")
def mime_type(context: Context, source: File, args: dict[str, Any]) -> str | None:
    del args
    return "image/jpeg" if status(context.shop, source) == "READY" else None


@query("files")
def files(context: Context, _source: Any, args: dict[str, Any]) -> Any:
    fields: Answers = {"filename": lambda one: one.filename, "id": lambda one: one.id.rpartition("/")[2]}
    matches = matcher(args.get("query"), fields, lambda one: one.filename)
    return page([one for one in context.shop.all("MediaImage") if matches(one)], args, context.shop.settings.pages_reach)


@mutation("fileCreate")
def create_files(context: Context, _source: Any, args: dict[str, Any]) -> dict[str, Any]:
    for index, given in enumerate(args["files"]):
        if given.get("contentType") not in (None, "IMAGE"):
            raise Invalid(user_error(f"files.{index}.contentType", "Only images are served here.", "INVALID"))
    return {"files": [create(context.shop, given, ["files", str(index)]) for index, given in enumerate(args["files"])]}


@mutation("fileUpdate")
def update_files(context: Context, _source: Any, args: dict[str, Any]) -> dict[str, Any]:
    shop = context.shop
    found: list[File] = []
    for index, given in enumerate(args["files"]):
        at = ["files", str(index)]
        file = shop.find(given["id"], "MediaImage")
        if file is None:
            raise Invalid(user_error([*at, "id"], f"File id {given['id']} does not exist.", "FILE_DOES_NOT_EXIST"))
        if status(shop, file) != "READY":
            raise Invalid(user_error([*at, "id"], "Non-ready files cannot be updated.", "NON_READY_STATE"))
        for reference in (*(given.get("referencesToAdd") or ()), *(given.get("referencesToRemove") or ())):
            if shop.find(reference, "Product") is None:
                message = "The reference target does not exist."
                raise Invalid(user_error([*at, "referencesToAdd"], message, "REFERENCE_TARGET_DOES_NOT_EXIST"))
        found.append(file)
    for file, given in zip(found, args["files"], strict=True):
        _update(shop, file, given)
    return {"files": found}


def _update(shop: Shop, file: File, given: dict[str, Any]) -> None:
    file.alt = given.get("alt", file.alt)
    if given.get("filename"):
        shop.filenames.pop(file.filename, None)
        file.filename = given["filename"]
        shop.filenames[file.filename] = file
    if given.get("originalSource"):
        file.source, file.looks, file.sent_at = given["originalSource"], 0, shop.now()
    for reference in given.get("referencesToAdd") or ():
        attach(shop.things[reference], file)
    for reference in given.get("referencesToRemove") or ():
        product = shop.things[reference]
        product.media = [one for one in product.media if one is not file]
    file.updated_at = shop.now()

"""A WinThor (WTA REST services) to test against: a real HTTP server written from the contract, never from the plugin."""

from engate_winthor_sandbox.server import WinthorSandbox

sandbox = WinthorSandbox

__all__ = ["WinthorSandbox", "sandbox"]

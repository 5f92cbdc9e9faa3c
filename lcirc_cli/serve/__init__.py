"""`lcirc serve`: memories and an engine behind HTTP and MCP, and the page to ask on.

library.py has the memories, worker.py the one thread that has the engine, jobs.py makes memories of
documents. On them stand native.py and pages.py (the page's own JSON), openai.py and tools.py
(MCP); guard.py stands before all of them, and app.py joins them. starlette, uvicorn and mcp are
those of the extra `serve`: whatever imports them is imported by commands when they run.
"""

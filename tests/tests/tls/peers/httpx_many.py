"""httpx: a hundred requests at a time over one connection, each echoed. Arguments: the port, the CA's certificate."""

import asyncio
import ssl
import sys

import httpx


async def main(port, ca):
    context = ssl.create_default_context(cafile=ca)
    limits = httpx.Limits(max_connections=1)
    async with httpx.AsyncClient(http2=True, verify=context, limits=limits, trust_env=False, timeout=30) as client:

        async def ask(number):
            body = f"{number},".encode() * number * 20
            answer = await client.post(f"https://localhost:{port}/{number}", content=body)
            assert (answer.http_version, answer.status_code) == ("HTTP/2", 200), answer
            assert answer.content == body, f"{number}: {len(answer.content)} octets"

        await asyncio.gather(*(ask(number) for number in range(100)))
    print("well")


asyncio.run(main(*sys.argv[1:]))

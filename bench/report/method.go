package report

// methodText is the document's account of how figures come about.
const methodText = `## How it is measured

- Clients and upstream are one Go program on epoll loops of its own (bench/load), a process each. They count the bytes and compare
  every one: messages are WebSocket frames with tunnel, sequence number and CRC-32C; streams and bodies follow a pattern whose
  period is prime. Each handshake's Authorization field and Sec-WebSocket-Accept are checked.
- Every proxy does the same job: the token goes from the query into Authorization: Bearer, percent-decoded, Connection and Upgrade
  go on, and then bytes pass. Their configurations are linked below.
- For each run, clients, proxy and upstream are started anew and warmed up before the window that counts. Rounds are interleaved: each
  runs every proxy once, beginning with another one.
- CPU is the processor time of the proxy's whole process tree, from the kernel's clock of each process. What the kernel does for
  a proxy's sockets while another process runs is counted there, for all proxies alike.
- Load, proxy and upstream share the machine's cores. "No proxy" is what they manage by themselves: the limit for all.
- Nothing is compared if a single run had an error, if a message or byte was missing at the end, if a tunnel stayed open, or if a loop of
  clients or upstream was busy more than 95 % of the time while 5 % of the machine and more was idle: then that loop, and not
  the proxy, was measured. Such a section says why instead.
- The raw data has for each run what the clients and the upstream used, what was idle, and how late the paced sender was.

`

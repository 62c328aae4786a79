package report

// methodText is the document's account of how figures come about.
const methodText = `## How it is measured

- Clients and upstream are one Go program on epoll loops of its own (bench/load), a process each. They count the bytes and compare
  every one: messages are WebSocket frames with tunnel, sequence number and CRC-32C; streams and bodies follow a pattern whose
  period is prime. Each handshake's Authorization field and Sec-WebSocket-Accept are checked.
- Every proxy does the same job: the token goes from the query into Authorization: Bearer, percent-decoded, Connection and Upgrade
  go on, and then bytes pass. Their configurations are linked below.
- For each run, clients, proxy and upstream are started anew and warmed up before the window that counts (2 s in the full size). Rounds are
  interleaved: each goes through all scenarios and runs every proxy once in each, beginning with another one; so the rounds
  of one figure lie some ten minutes apart. Growth and garbage collection have three rounds at most.
- OpenResty and HAProxy take part in everything, in those of their variants (two workers, larger buffers, splice, upstream keep-alive) that
  change something there. Of the Go programs, the one with io.Copy relays upgrades only and holds six descriptors a tunnel, too many for 5,000; Caddy,
  whose relay descends from httputil.ReverseProxy, is left out where that one stands for both; past 9,500 tunnels there
  is no memory for either. [The table](../bench/scenarios/roster.go) says who is where.
- CPU is the processor time of the proxy's whole process tree, from the kernel's clock of each process. What the kernel does for
  a proxy's sockets while another process runs is counted there, for all proxies alike.
- Load, proxy and upstream share the machine's cores. "No proxy" is what they manage by themselves: the limit for all.
- Nothing is compared if a single run had an error, if a message or byte was missing at the end, or if a tunnel stayed open. Such a section
  says why instead.
- Nor if the load was the limit: a loop of clients or upstream was busy more than 95 % of the time and its process used 0.85 cores
  and more, while 5 % of the machine was idle; a paced sender sent less than 98 % of what was due; or, where pushes share the machine with
  bulk, the sender was so late (p99, more than 1 ms) that this is half of the latency that was found. That counts from half of a
  peer's rounds on: in fewer, the median is the figure of a round that went well, and the section gives their number.
- All is loopback, so where the system uses BBR (the data below say so), wssplice sends by cubic and all others by BBR: that is
  [what it does](operations.md#congestion-control), and most of its lead in bulk.
- While messages are sent at a fixed rate, both ends have a higher priority than any proxy (nice -15), and their loops for bulk, if there
  are any, a lower one (nice 10): in a deployment they would have machines of their own. In closed loops and flat out all are equal.
- The raw data has for each run what the clients and the upstream used, what was idle, and how late the paced sender was. A run that
  went wrong stays in it; a scenario is only ever repeated as a whole.

`

-- Sends the requests of a file, written by wrk.ts, in turn. Environment: BENCH_REQUESTS (the file),
-- BENCH_RUN (12 characters, different in every run), BENCH_LIMIT (requests after which to stop, 0
-- for none), BENCH_SYNC (a folder, or nothing) and BENCH_GROUP (how many uploads one sync is for),
-- BENCH_SHOW (whether to print the first failure).
local ffi = require("ffi")
ffi.cdef([[
  int open(const char *path, int flags);
  int syncfs(int fd);
  int getpid(void);
  int kill(int pid, int signal);
]])
local SIGINT = 2
local run = os.getenv("BENCH_RUN")
local limit = tonumber(os.getenv("BENCH_LIMIT"))
local folder = os.getenv("BENCH_SYNC")
local group = tonumber(os.getenv("BENCH_GROUP"))
-- As wide as the mark that takes its place in each request.
local PLACEHOLDER = "@@@@@@@@@@@@@@@@@@@@@@@@"

local requests = {}
local count = 0
local disk = -1
local isChecked = false

-- The text around the placeholders, cut once, so that a request is one concatenation.
local function cut(text)
  local pieces = {}
  local from = 1
  while true do
    local first, last = text:find(PLACEHOLDER, from, true)
    if not first then break end
    pieces[#pieces + 1] = text:sub(from, first - 1)
    from = last + 1
  end
  pieces[#pieces + 1] = text:sub(from)
  return pieces
end

function init()
  local file = assert(io.open(os.getenv("BENCH_REQUESTS"), "rb"))
  while true do
    local length = file:read("*n")
    if not length then break end
    file:read(1)
    requests[#requests + 1] = cut(file:read(length))
  end
  file:close()
  if folder ~= "" then disk = ffi.C.open(folder, 0) end
end

-- No two bodies are alike, so that no server saves work by recognising one.
local function render(pieces)
  if #pieces == 1 then return pieces[1] end
  local mark = string.format("%s%012d", run, count)
  if #pieces == 2 then return pieces[1] .. mark .. pieces[2] end
  return table.concat(pieces, mark)
end

function request()
  -- wrk asks once before it begins.
  if not isChecked then
    isChecked = true
    return render(requests[1])
  end
  -- A caller asks for its next request when it has the answer to the last one.
  if disk >= 0 and count > 0 and count % group == 0 then ffi.C.syncfs(disk) end
  count = count + 1
  if limit > 0 and count > limit then
    wrk.thread:stop()
    ffi.C.kill(ffi.C.getpid(), SIGINT)
  end
  return render(requests[(count - 1) % #requests + 1])
end

-- Costs the generator a copy of each answer: only to look for the reason of failures.
if os.getenv("BENCH_SHOW") ~= "" then
  local isShown = false
  response = function(status, _, body)
    if status >= 400 and not isShown then
      isShown = true
      io.write(string.format("status %d: %s\n", status, body:sub(1, 300):gsub("\n", " ")))
    end
  end
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '\n{"requests":%d,"seconds":%f,"refused":%d,"broken":%d,"p50Ms":%f,"p99Ms":%f}\n',
    summary.requests, summary.duration / 1e6, errors.status,
    errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3))
end

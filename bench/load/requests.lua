-- Requests for wrk. Environment: BENCH_MODE, BENCH_HEADERS and BENCH_TOKENS (a line each), BENCH_TEXT, BENCH_BYTES (body size), BENCH_RUN (unique text).
local mode = os.getenv("BENCH_MODE")
local run = os.getenv("BENCH_RUN")
local size = tonumber(os.getenv("BENCH_BYTES") or "10240")
local text = os.getenv("BENCH_TEXT") or ""
local boundary = "------------------------stowagebench"
local threads = 0
local count = 0
local paths = {}
local tokens = {}
local headers = {}

function setup(thread)
  thread:set("id", threads)
  threads = threads + 1
end

function init()
  for line in (os.getenv("BENCH_HEADERS") or ""):gmatch("[^\n]+") do
    local name, value = line:match("^([^:]+): (.*)$")
    headers[name] = value
  end
  for line in (os.getenv("BENCH_TOKENS") or ""):gmatch("[^\n]+") do tokens[#tokens + 1] = "Bearer " .. line end
  for line in text:gmatch("[^\n]+") do paths[#paths + 1] = line end
  math.randomseed(id + 1)
  local bytes = {}
  for index = 1, size do bytes[index] = string.char(math.random(0, 255)) end
  noise = table.concat(bytes)
  if mode == "form" then
    headers["Content-Type"] = "multipart/form-data; boundary=" .. boundary
    head = "--" .. boundary .. '\r\nContent-Disposition: form-data; name="file"; filename="small.bin"\r\nContent-Type: application/octet-stream\r\n\r\n'
    tail = "\r\n--" .. boundary .. "--\r\n"
  elseif mode == "tus" then
    headers["Tus-Resumable"] = "1.0.0"
    headers["Upload-Length"] = tostring(size)
    headers["Content-Type"] = "application/offset+octet-stream"
  elseif mode == "json" then
    headers["Content-Type"] = "application/json"
  end
end

-- No two bodies are alike, so that nobody saves work by recognising them.
local function body()
  count = count + 1
  local mark = string.format("%s-%d-%d", run, id, count)
  return mark .. noise:sub(#mark + 1)
end

function request()
  if mode == "get" then
    count = count + 1
    return wrk.format("GET", paths[count % #paths + 1], headers)
  elseif mode == "put" then
    local bytes = body()
    return wrk.format("PUT", string.format("%s/%s-%d-%d", wrk.path, run, id, count), headers, bytes)
  elseif mode == "form" then
    return wrk.format("POST", nil, headers, head .. body() .. tail)
  elseif mode == "tus" then
    return wrk.format("POST", nil, headers, body())
  end
  count = count + 1
  if #tokens > 0 then headers["Authorization"] = tokens[count % #tokens + 1] end
  return wrk.format("POST", nil, headers, text)
end

function done(summary, latency)
  local failed = summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.status + summary.errors.timeout
  io.write(string.format('\n{"requests":%d,"seconds":%f,"failed":%d,"p50Ms":%f,"p99Ms":%f}\n',
    summary.requests, summary.duration / 1e6, failed, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3))
end

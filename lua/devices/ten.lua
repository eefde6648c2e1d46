-- ten.lua: a timer that interrupts, the smallest device that is worth showing
device "ten" { id = "1234:0010", class = 0x088000, intx = true }
function event.ring() raise "status.done" end
bar(0, 4096) {
  started = { 0x00, ro, "How often it was started" },
  start   = { 0x04, doorbell = function(dev, us_from_now)
                dev.started = dev.started + 1; after(us_from_now * us, "ring") end },
  status  = { 0x08, ro, { done = ro(0) }, vector = 0 },
  ack     = { 0x0c, w1c "status" },
}

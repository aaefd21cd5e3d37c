// An SMSC on a codec that nobody here wrote, to try the provider of kind `smpp` against:
// docs/testing.md says how. It reads in each text what to do.
const smpp = require('smpp');

const log = (...said) => console.log(new Date().toISOString().slice(11, 23), ...said);
let nextId = 0xa1b0;

// A message from the person to the sender.
const deliver = (session, submit, what, more) => session.deliver_sm({
  source_addr_ton: 1,
  source_addr_npi: 1,
  source_addr: submit.destination_addr,
  destination_addr: submit.source_addr,
  ...more,
}, (answer) => log(what, 'was answered with', answer.command_status));

// Ids are decimal here and hexadecimal in answers.
const report = (session, submit, id, stat) => {
  const text = `id:${String(id).padStart(10, '0')} sub:001 dlvrd:001 submit date:2611280900 ` +
    `done date:2611280901 stat:${stat} err:${stat === 'DELIVRD' ? '000' : '005'} text:x`;
  const short_message = { message: Buffer.from(text) };
  deliver(session, submit, `${stat} of ${id}`, { esm_class: 4, short_message });
};

const submitted = (session, pdu) => {
  const { message, udh } = pdu.short_message || {};
  const text = String(message && message.length ? message : pdu.message_payload.message);
  const { source_addr, source_addr_ton, data_coding, esm_class, validity_period } = pdu;
  log('submit', { source_addr_ton, source_addr, data_coding, esm_class, validity_period, udh },
    text.length, JSON.stringify(text.slice(0, 40)));
  const id = nextId++;
  const accept = () => session.send(pdu.response({ message_id: id.toString(16).toUpperCase() }));
  if (text.includes('throttle')) {
    session.send(pdu.response({ command_status: smpp.ESME_RTHROTTLED }));
  } else if (text.includes('dropme')) {
    session.close();
  } else if (text.includes('early')) {
    report(session, pdu, id, 'DELIVRD');
    setTimeout(accept, 500);
  } else {
    accept();
    const stat = text.includes('lost') ? 'UNDELIV' : 'DELIVRD';
    setTimeout(() => report(session, pdu, id, stat), text.includes('late') ? 3000 : 400);
    if (text.includes('stopper')) deliver(session, pdu, 'STOP', { short_message: 'STOP' });
  }
};

const server = smpp.createServer({}, (session) => {
  session.on('error', (error) => log('error', error.message));
  session.on('close', () => log('closed'));
  session.on('bind_transceiver', (pdu) => {
    const isKnown = pdu.password === 'secret';
    log('bind', pdu.system_id, 'version', pdu.interface_version.toString(16), isKnown);
    session.send(pdu.response(
      isKnown ? { system_id: 'npm-smpp' } : { command_status: smpp.ESME_RBINDFAIL }));
  });
  session.on('enquire_link', (pdu) => {
    log('enquire_link');
    session.send(pdu.response());
  });
  session.on('unbind', (pdu) => {
    log('unbind');
    session.send(pdu.response());
    session.close();
  });
  session.on('submit_sm', (pdu) => submitted(session, pdu));
});
const port = Number(process.argv[2] || 2776);
server.listen(port, '127.0.0.1', () => log('listens on', port));

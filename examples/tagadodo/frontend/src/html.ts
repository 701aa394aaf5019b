type Child = Node | string;
type Properties = Record<string, string | boolean | ((event: Event) => void)>;

/** Makes an element. Functions become listeners; text is never read as HTML. */
export function h(tag: string, properties: Properties = {}, ...children: Child[]): HTMLElement {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (typeof value === 'function') element.addEventListener(name, value);
    else if (value === true) element.setAttribute(name, '');
    else if (value !== false) element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

/** A form that shows why it could not be submitted, and cannot be submitted twice at once. */
export function form(
  submit: (fields: Record<string, string>) => Promise<void>,
  button: string,
  ...fields: HTMLElement[]
): HTMLElement {
  const complaint = h('p', { role: 'alert', class: 'complaint' });
  const send = h('button', { type: 'submit' }, button);
  const onSubmit = async (event: Event) => {
    event.preventDefault();
    complaint.textContent = '';
    send.toggleAttribute('disabled', true);
    try {
      const target = event.target as HTMLFormElement;
      const entries = [...new FormData(target)].map(([name, value]) => [name, String(value)]);
      await submit(Object.fromEntries(entries));
      target.reset();
    } catch (error) {
      complaint.textContent = error instanceof Error ? error.message : String(error);
    } finally {
      send.toggleAttribute('disabled', false);
    }
  };
  return h('form', { submit: onSubmit }, ...fields, send, complaint);
}

export function field(label: string, name: string, properties: Properties = {}): HTMLElement {
  return h('label', {}, label, h('input', { name, required: true, ...properties }));
}

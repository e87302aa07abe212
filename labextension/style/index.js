import './base.css';
import './result.css';
import './past.css';
import './chart.css';
import './form.css';
import './keys.css';
import './share.css';
import './deeds.css';
